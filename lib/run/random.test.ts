import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededRandom, systemRandom } from './random.ts';

describe.each([
  ['systemRandom', () => systemRandom],
  ['seededRandom', () => seededRandom(7)],
])('%s', (_, make) => {
  test('gives as many bytes as asked for, and fractions from 0 to below 1', () => {
    const random = make();
    fc.assert(
      fc.property(fc.nat(64), (length) => {
        expect(random.bytes(length)).toHaveLength(length);
        const fraction = random.fraction();
        expect(fraction >= 0 && fraction < 1).toBe(true);
      }),
    );
  });

  test('spreads over the whole range', () => {
    const random = make();
    const tenths = new Set(Array.from({ length: 1000 }, () => Math.floor(random.fraction() * 10)));
    expect(tenths.size).toBe(10);
    expect(new Set(random.bytes(4096)).size).toBe(256);
  });

  test('does not repeat itself', () => {
    const random = make();
    const drawn = Array.from({ length: 1000 }, () => random.bytes(16).toString('hex'));
    expect(new Set(drawn).size).toBe(1000);
  });
});

test('the same seed gives the same sequence, another seed another', () => {
  const draw = (seed: number): string => {
    const random = seededRandom(seed);
    return `${random.fraction()} ${random.bytes(8).toString('hex')}`;
  };
  expect(draw(1)).toBe(draw(1));
  expect(draw(1)).not.toBe(draw(2));
});
