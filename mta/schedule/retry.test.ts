import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hours, minutes } from '#lib/run/clock.ts';
import { type Random, seededRandom } from '#lib/run/random.ts';
import { DEFAULT_RETRY, nextAttempt } from './retry.ts';

const middle: Random = { bytes: (length) => Buffer.alloc(length), fraction: () => 0.5 };
const EXPIRES = hours(72);

test.each([
  { attempt: 1, wait: minutes(15) },
  { attempt: 2, wait: minutes(30) },
  { attempt: 3, wait: hours(1) },
  { attempt: 4, wait: hours(2) },
  { attempt: 5, wait: hours(4) },
  { attempt: 6, wait: hours(4) },
  { attempt: 400, wait: hours(4) },
])('after attempt $attempt the wait is $wait ms', ({ attempt, wait }) => {
  expect(nextAttempt(attempt, 0, EXPIRES, DEFAULT_RETRY, middle)).toBe(wait);
});

test('the wait is spread by a fifth either way', () => {
  const at = (fraction: number) => nextAttempt(1, 0, EXPIRES, DEFAULT_RETRY, { ...middle, fraction: () => fraction });
  expect(at(0)).toBe(minutes(12));
  expect(at(0.999_999_9)).toBe(minutes(18));
});

test('the last try is just before expiry, and after it there is none', () => {
  expect(nextAttempt(9, EXPIRES - hours(1), EXPIRES, DEFAULT_RETRY, middle)).toBe(EXPIRES - minutes(1));
  expect(nextAttempt(10, EXPIRES - minutes(1), EXPIRES, DEFAULT_RETRY, middle)).toBeUndefined();
});

test('every life ends: waits are positive and the tries are few', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 60_001, max: hours(24 * 7) }), (seed, life) => {
      const random = seededRandom(seed);
      let now = 0;
      let attempts = 1;
      for (let due = nextAttempt(1, 0, life, DEFAULT_RETRY, random); due !== undefined;) {
        expect(due).toBeGreaterThan(now);
        expect(due).toBeLessThan(life);
        now = due;
        attempts += 1;
        due = nextAttempt(attempts, now, life, DEFAULT_RETRY, random);
      }
      expect(attempts).toBeLessThan(80);
    }),
  );
});
