import { expect, test } from 'vitest';
import { type Answer, SharedRate, SOON } from './shared-rate.ts';

const RATE = { count: 100, perSeconds: 1 };
const SLOW = { count: 10, perSeconds: 60 };

const answer = (over: Partial<Answer> = {}): Answer => ({
  granted: 0,
  startsIn: 0,
  againIn: 0,
  holders: 1,
  place: 0,
  usedIn: 0,
  ...over,
});

test('what is not at hand is asked for once, and is worth a short wait', () => {
  const rate = new SharedRate(0);
  expect(rate.room(RATE, 10, 0, undefined)).toEqual({ granted: 0, wait: SOON });
  expect([rate.question(RATE, 10, 0, 0), rate.question(RATE, 10, 0, 0)]).toEqual([10, 0]);
  rate.answered(RATE, 10, answer({ granted: 10, startsIn: -50 }), 2);
  expect(rate.room(RATE, 10, 2, undefined)).toEqual({ granted: 6, wait: 10 });
});

test('turns come one by one at their pace, are used once, and go back to who has them in hand', () => {
  const rate = new SharedRate(0);
  rate.question(RATE, 4, 0, 0);
  rate.answered(RATE, 4, answer({ granted: 4, startsIn: 5 }), 0);
  expect([4, 5, 14, 15, 35].map((now) => rate.room(RATE, 10, now, undefined).granted)).toEqual([0, 1, 1, 2, 4]);
  rate.use(RATE, 3, 35, undefined);
  expect(rate.room(RATE, 10, 35, undefined).granted).toBe(1);
  rate.giveBack(RATE, 2, 36, undefined);
  expect(rate.room(RATE, 10, 36, undefined).granted).toBe(3);
});

test('a turn that is not used goes back, with its age, and is not used after that', () => {
  const rate = new SharedRate(0);
  rate.question(SLOW, 1, 0, 0);
  rate.answered(SLOW, 1, answer({ granted: 1 }), 0);
  expect(rate.expire(1000)).toEqual([]);
  expect(rate.room(SLOW, 1, 1001, undefined).granted).toBe(0);
  expect(rate.expire(1001)).toEqual([{ pace: 6000, count: 1, age: 1001 }]);
  rate.giveBack(SLOW, 1, 1002, undefined);
  expect(rate.room(SLOW, 1, 1002, undefined).granted).toBe(0);
});

test('what is used much is asked for before it is used up', () => {
  const rate = new SharedRate(0);
  rate.question(RATE, 10, 0, 0);
  rate.answered(RATE, 10, answer({ granted: 10, startsIn: -100 }), 0);
  rate.use(RATE, 9, 50, undefined);
  expect(rate.question(RATE, 1, 1, 50)).toBeGreaterThan(5);
});

test('an answer that does not come is asked for again a little later', () => {
  const rate = new SharedRate(0);
  rate.question(RATE, 1, 0, 0);
  rate.answered(RATE, 1, undefined, 10);
  expect([rate.question(RATE, 1, 0, 50), rate.question(RATE, 1, 0, 110)]).toEqual([0, 1]);
});

test('a share begins with nothing, each of those who used the rate at another time, and ends with the next answer', () => {
  const away = { since: 1000, holders: 8 };
  const begins = [0, 1].map((place) => {
    const rate = new SharedRate(0);
    rate.question(SLOW, 1, 0, 0);
    rate.answered(SLOW, 1, answer({ holders: 2, place, againIn: 6000 }), 0);
    expect(rate.room(SLOW, 1, 1000, away).granted).toBe(0);
    expect(rate.isShared).toBe(false);
    return rate.room(SLOW, 1, 1000, away).wait;
  });
  expect(begins).toEqual([12_000, 24_000]);
  const stranger = new SharedRate(0);
  expect(stranger.room(SLOW, 1, 1000, away).wait).toBe(96_000);
});

test('a share is half of the rate, divided', () => {
  const rate = new SharedRate(0);
  const away = { since: 0, holders: 2 };
  let sum = 0;
  for (let now = 0; now < 60_000; now += 10) {
    const { granted } = rate.room(RATE, 10, now, away);
    if (granted > 0) rate.use(RATE, granted, now, away);
    sum += granted;
  }
  expect(sum / 6000).toBeCloseTo(0.25, 2);
  expect(rate.isShared).toBe(true);
  rate.answered(RATE, 1, answer(), 60_000);
  expect(rate.isShared).toBe(false);
});
