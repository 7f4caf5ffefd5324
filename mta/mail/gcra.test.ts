import fc from 'fast-check';
import { expect, test } from 'vitest';
import { minutes, seconds } from '#lib/run/clock.ts';
import { giveBack, NEVER_USED, type Rate, take, type UsedUntil } from './gcra.ts';

/** Takes as much as it may, each time it may, from `from` until `end`: the instants of everything granted. */
function greedy(rate: Rate, from: number, end: number, max = 10, timer = 1): number[] {
  const sent: number[] = [];
  let used: UsedUntil = NEVER_USED;
  for (let now = from; now < end;) {
    const taken = take(used, rate, max, now);
    used = taken.usedUntil;
    for (let at = 0; at < taken.granted; at += 1) sent.push(now);
    now = Math.max(Math.ceil(taken.again / timer) * timer, now + (taken.granted < max ? timer : 0));
  }
  return sent;
}

const mostInAnyWindow = (sent: readonly number[], length: number): number => {
  let most = 0;
  for (let first = 0, last = 0; last < sent.length; last += 1) {
    while ((sent[last] ?? 0) - (sent[first] ?? 0) >= length) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
};

test('100 an hour sends one at once and the next 36 seconds later', () => {
  const rate = { count: 100, perSeconds: 3600 };
  const first = take(NEVER_USED, rate, 100, 5000);
  expect(first).toEqual({ granted: 1, usedUntil: 41_000, again: 41_000 });
  expect(take(first.usedUntil, rate, 100, 40_999).granted).toBe(0);
  expect(take(first.usedUntil, rate, 100, 41_000).granted).toBe(1);
});

test('a burst goes at once after any pause, and no more than it', () => {
  const rate = { count: 100, perSeconds: 3600, burst: 20 };
  const first = take(NEVER_USED, rate, 100, 0);
  expect(first.granted).toBe(20);
  expect(take(first.usedUntil, rate, 100, 0).granted).toBe(0);
  expect(take(first.usedUntil, rate, 100, 36_000).granted).toBe(1);
  expect(take(first.usedUntil, rate, 100, minutes(24 * 60)).granted).toBe(20);
});

test('a grant refused changes nothing and says when to ask again', () => {
  const rate = { count: 1, perSeconds: 60 };
  const { usedUntil } = take(NEVER_USED, rate, 1, 0);
  const refused = take(usedUntil, rate, 1, 10_000);
  expect(refused).toEqual({ granted: 0, usedUntil, again: 60_000 });
});

test('who asks for nothing is granted nothing, and has used nothing', () => {
  const rate = { count: 1, perSeconds: 60 };
  expect(take(NEVER_USED, rate, 0, 500)).toEqual({ granted: 0, usedUntil: NEVER_USED, again: 500 });
});

test('what was granted at a slower pace is used up before a faster one counts', () => {
  const { usedUntil } = take(NEVER_USED, { count: 1, perSeconds: 60 }, 1, 0);
  const faster = { count: 60, perSeconds: 60 };
  expect(take(usedUntil, faster, 5, 10_000)).toEqual({ granted: 0, usedUntil, again: 60_000 });
});

test.each([
  ['of ten a second goes one by one', 10, 1],
  ['of twenty a second goes two at a time', 20, 2],
  ['of a thousand a second goes a hundred at a time', 1000, 100],
])('what is declared without a burst: %s', (_, count, granted) => {
  expect(take(NEVER_USED, { count, perSeconds: 1 }, 1000, 0).granted).toBe(granted);
});

test('what is given back may be taken again at once', () => {
  const rate = { count: 60, perSeconds: 60, burst: 10 };
  const { usedUntil } = take(NEVER_USED, rate, 10, 0);
  expect(take(giveBack(usedUntil, rate, 4), rate, 10, 0).granted).toBe(4);
});

test.each([600, 6000, 120_000])('%i a minute are kept within 5 % in every minute', (count) => {
  const sent = greedy({ count, perSeconds: 60 }, 0, minutes(5));
  expect(mostInAnyWindow(sent, minutes(1))).toBeLessThanOrEqual(count * 1.05);
  for (let minute = 0; minute < 5; minute += 1) {
    const inIt = sent.filter((at) => at >= minutes(minute) && at < minutes(minute + 1)).length;
    expect(inIt).toBeGreaterThanOrEqual(count * 0.95);
  }
});

test('below ten a second no window of the rate holds more than the limit and one', () => {
  const slow = fc.record({ count: fc.integer({ min: 1, max: 500 }), perSeconds: fc.integer({ min: 60, max: 3600 }) });
  fc.assert(
    fc.property(slow, fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: 20 }), (rate, timer, max) => {
      const sent = greedy(rate, 0, seconds(rate.perSeconds) * 3, max, timer);
      expect(mostInAnyWindow(sent, seconds(rate.perSeconds))).toBeLessThanOrEqual(rate.count + 1);
    }),
    { numRuns: 60 },
  );
});

test('however it is asked, a window never holds more than the limit and the burst', () => {
  const rates = fc.record({
    count: fc.integer({ min: 1, max: 600 }),
    perSeconds: fc.integer({ min: 60, max: 600 }),
    burst: fc.integer({ min: 1, max: 50 }),
  });
  const asks = fc.array(fc.tuple(fc.integer({ min: 0, max: 30_000 }), fc.integer({ min: 0, max: 100 })), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(rates, asks, (rate, all) => {
      let now = 0;
      let used: UsedUntil = NEVER_USED;
      const sent: number[] = [];
      for (const [pause, max] of all) {
        now += pause;
        const taken = take(used, rate, max, now);
        used = taken.usedUntil;
        for (let at = 0; at < taken.granted; at += 1) sent.push(now);
      }
      expect(mostInAnyWindow(sent, seconds(rate.perSeconds))).toBeLessThanOrEqual(rate.count + rate.burst);
    }),
  );
});
