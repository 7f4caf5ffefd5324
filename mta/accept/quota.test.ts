import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hours, minutes } from '#lib/run/clock.ts';
import { type QuotaClaim, Quotas } from './quota.ts';

const NOW = Date.UTC(2026, 0, 1);
const WINDOWS = {
  hour: { length: hours(1), part: minutes(5) },
  day: { length: hours(24), part: hours(1) },
} as const;

const claim = (subject: string, perHour?: number, perDay?: number): QuotaClaim => ({
  subject,
  quota: { perHour, perDay },
});
const limited = (window: 'hour' | 'day', limit: number): QuotaClaim =>
  window === 'hour' ? claim('a', limit) : claim('a', undefined, limit);

/** Sendings as steps of time and recipients. */
const traffic = (length: number) =>
  fc.array(fc.record({ after: fc.integer({ min: 0, max: length / 4 }), amount: fc.integer({ min: 1, max: 6 }) }), {
    maxLength: 60,
  });

describe.each(['hour', 'day'] as const)('a quota per %s', (window) => {
  const { length, part } = WINDOWS[window];

  test('is never passed in any stretch of that length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), traffic(length), fc.nat(part), (limit, steps, offset) => {
        const quotas = new Quotas();
        const sent: { at: number; amount: number }[] = [];
        let at = NOW + offset;
        for (const { after, amount } of steps) {
          at += after;
          if (!quotas.take([limited(window, limit)], amount, at)) sent.push({ at, amount });
          const inWindow = sent.filter((it) => it.at > at - length).reduce((sum, it) => sum + it.amount, 0);
          expect(inWindow).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });

  test('frees what was sent at most one part late', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), traffic(length), fc.nat(part), (limit, steps, offset) => {
        const quotas = new Quotas();
        const sent: { at: number; amount: number }[] = [];
        let at = NOW + offset;
        for (const { after, amount } of steps) {
          at += after;
          const counting = sent.filter((it) => it.at > at - length - part).reduce((sum, it) => sum + it.amount, 0);
          const isTaken = !quotas.take([limited(window, limit)], amount, at);
          expect(isTaken || counting + amount > limit).toBe(true);
          if (isTaken) sent.push({ at, amount });
        }
      }),
    );
  });

  test('says who exceeded what, and after its wait one more fits', () => {
    fc.assert(
      fc.property(fc.nat(length), fc.nat(length), (first, second) => {
        const quotas = new Quotas();
        const all = [limited(window, 1)];
        expect(quotas.take(all, 1, NOW + first)).toBeUndefined();
        const now = NOW + first + Math.min(second, length - 1);
        const exceeded = quotas.take(all, 1, now);
        expect(exceeded).toMatchObject({ subject: 'a', limit: 1, window });
        const wait = Number(exceeded?.retryAfter);
        expect(quotas.take(all, 1, now + wait - 1)).toBeDefined();
        expect(quotas.take(all, 1, now + wait)).toBeUndefined();
      }),
    );
  });
});

test('without a quota nothing is counted', () => {
  const quotas = new Quotas();
  expect(quotas.take([claim('a')], 1_000_000, NOW)).toBeUndefined();
  expect(quotas.take([claim('a', 1)], 1, NOW)).toBeUndefined();
});

test('a quota of nothing lets nothing through', () => {
  expect(new Quotas().take([claim('a', 0)], 1, NOW)).toMatchObject({ limit: 0, window: 'hour' });
});

test('one claim that does not fit leaves the others uncounted', () => {
  const quotas = new Quotas();
  const both = [claim('roomy', 10), claim('tight', 1)];
  for (let tries = 0; tries < 5; tries += 1)
    expect(quotas.take(both, 2, NOW)).toMatchObject({ subject: 'tight', limit: 1 });
  expect(quotas.take([claim('roomy', 10)], 10, NOW)).toBeUndefined();
  expect(quotas.take([claim('tight', 1)], 1, NOW)).toBeUndefined();
});

test('a day that is full leaves the hour uncounted', () => {
  const quotas = new Quotas();
  expect(quotas.take([claim('a', 5, 2)], 3, NOW)).toMatchObject({ window: 'day', limit: 2 });
  expect(quotas.take([claim('a', 5)], 5, NOW)).toBeUndefined();
});

test('what is given back leaves no trace, however late', () => {
  const both = [claim('a', 2, 3), claim('b', undefined, 2)];
  fc.assert(
    fc.property(fc.nat(hours(30)), fc.nat(hours(30)), (first, late) => {
      const quotas = new Quotas();
      expect(quotas.take(both, 2, NOW + first)).toBeUndefined();
      quotas.giveBack(both, 2, NOW + first);
      expect(quotas.take(both, 3, NOW + first + late)).toEqual(new Quotas().take(both, 3, NOW + first + late));
      expect(quotas.take(both, 2, NOW + first + late)).toBeUndefined();
    }),
  );
});

test('subjects do not share a quota', () => {
  const quotas = new Quotas();
  expect(quotas.take([claim('credential a', 1)], 1, NOW)).toBeUndefined();
  expect(quotas.take([claim('domain a', 1)], 1, NOW)).toBeUndefined();
});

test('a clock that is set back gives nothing away', () => {
  const quotas = new Quotas();
  expect(quotas.take([claim('a', 1)], 1, NOW)).toBeUndefined();
  expect(quotas.take([claim('a', 1)], 1, NOW - hours(5))).toMatchObject({ limit: 1 });
});

test('what alone is more than a quota never fits, whichever other quota is used up', () => {
  const quotas = new Quotas();
  expect(quotas.take([claim('a', 2, 5)], 2, NOW)).toBeUndefined();
  expect(quotas.take([claim('a', 2, 5)], 6, NOW)).toMatchObject({ retryAfter: 'never' });
  expect(quotas.take([claim('a', 2, 5)], 2, NOW)).toMatchObject({ window: 'hour', retryAfter: minutes(65) });
});

test('quotas that begin with what others have counted go on as those would', () => {
  const both = [claim('a', 9, 12), claim('b', 9)];
  fc.assert(
    fc.property(fc.nat(hours(3)), fc.nat(hours(3)), fc.integer({ min: 1, max: 9 }), (first, second, amount) => {
      const quotas = new Quotas();
      quotas.take(both, 5, NOW);
      quotas.take(both, 3, NOW + first);
      quotas.giveBack(both, 1, NOW + first);
      const after = new Quotas(quotas.changed());
      const at = NOW + first + second;
      expect(after.take(both, amount, at)).toEqual(quotas.take(both, amount, at));
    }),
  );
});

test('a change is told once, or again when it could not be written', () => {
  const quotas = new Quotas();
  quotas.take([claim('a', 5, 5)], 2, NOW);
  const changed = quotas.changed();
  expect(changed.map(({ key, count }) => [key, count])).toEqual([
    ['hour a', 2],
    ['day a', 2],
  ]);
  expect(quotas.changed()).toEqual([]);
  quotas.unwritten(changed);
  quotas.giveBack([claim('a', 5, 5)], 2, NOW);
  expect(quotas.changed()).toEqual(changed.map(({ key, part, until }) => ({ key, part, count: 0, until })));
});
