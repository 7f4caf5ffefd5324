import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom, systemRandom } from '#lib/run/random.ts';
import { acceptedAtOf, domainOf, firstIdAt, newMessageId } from './message.ts';

const instants = fc.integer({ min: 0, max: 2 ** 48 - 1 });

test('an id is 26 letters and digits, and ids sort by the time of acceptance', () => {
  fc.assert(
    fc.property(instants, instants, (a, b) => {
      const [first, second] = [newMessageId(a, systemRandom), newMessageId(b, systemRandom)];
      expect(first).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/);
      expect(first < second).toBe(a === b ? first < second : a < b);
      expect(firstIdAt(a) < first).toBe(true);
      expect(acceptedAtOf(first)).toBe(a);
    }),
  );
});

test('ids of one millisecond differ', () => {
  const random = seededRandom(1);
  expect(new Set(Array.from({ length: 1000 }, () => newMessageId(5, random))).size).toBe(1000);
});

test('the domain is what stands after the last @', () => {
  expect(domainOf('"a b"@example.com')).toBe('example.com');
});
