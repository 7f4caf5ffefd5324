import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hours, minutes } from '#lib/run/clock.ts';
import { DEFAULT_RETRY, nextAttempt, spreadOf } from './retry.ts';

const MIDDLE = 0.5;
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
  expect(nextAttempt(attempt, 0, EXPIRES, DEFAULT_RETRY, MIDDLE)).toBe(wait);
});

test('the wait is spread by a fifth either way', () => {
  const at = (fraction: number) => nextAttempt(1, 0, EXPIRES, DEFAULT_RETRY, fraction);
  expect(at(0)).toBe(minutes(12));
  expect(at(0.999_999_9)).toBe(minutes(18));
});

test('the last try is just before expiry, and after it there is none', () => {
  expect(nextAttempt(9, EXPIRES - hours(1), EXPIRES, DEFAULT_RETRY, MIDDLE)).toBe(EXPIRES - minutes(1));
  expect(nextAttempt(10, EXPIRES - minutes(1), EXPIRES, DEFAULT_RETRY, MIDDLE)).toBeUndefined();
});

test('every life ends: waits are positive and the tries are few', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 60_001, max: hours(24 * 7) }), (id, life) => {
      let now = 0;
      let attempts = 1;
      for (let due = nextAttempt(1, 0, life, DEFAULT_RETRY, spreadOf(id, 1)); due !== undefined;) {
        expect(due).toBeGreaterThan(now);
        expect(due).toBeLessThan(life);
        now = due;
        attempts += 1;
        due = nextAttempt(attempts, now, life, DEFAULT_RETRY, spreadOf(id, attempts));
      }
      expect(attempts).toBeLessThan(80);
    }),
  );
});

test('what was deferred within a second is due together; what is tried at once is', () => {
  const at = (now: number) => nextAttempt(1, now, EXPIRES, DEFAULT_RETRY, 0.25);
  expect(at(12_001)).toBe(at(12_999));
  expect(at(12_001)).toBe(minutes(13.5) + 13_000);
  expect(nextAttempt(1, 12_345, EXPIRES, { ...DEFAULT_RETRY, first: 0 }, MIDDLE)).toBe(12_345);
});

test.each([
  ['half a second, and is exact', 500, 12_345, 12_845],
  ['a fraction of a millisecond more, and is whole', 500.4, 12_345, 12_845],
  ['a second, and ends with a whole one', 1000, 12_345, 14_000],
])('a wait of %s', (_, first, now, due) => {
  expect(nextAttempt(1, now, EXPIRES, { ...DEFAULT_RETRY, first }, MIDDLE)).toBe(due);
});

test('recipients of a message have one spread, messages and attempts each another, over all of it', () => {
  expect(spreadOf('01m', 1)).toBe(spreadOf('01m', 1));
  const spreads = Array.from({ length: 2000 }, (_, at) => spreadOf(`0${at % 1000}m`, at < 1000 ? 1 : 2));
  expect(new Set(spreads).size).toBe(2000);
  for (let tenth = 0; tenth < 10; tenth += 1) {
    const count = spreads.filter((it) => Math.floor(it * 10) === tenth).length;
    expect(count).toBeGreaterThan(140);
    expect(count).toBeLessThan(260);
  }
});
