import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runs } from '../../test/harness/runs.ts';
import { foremost } from './foremost.ts';

test('of many the first are kept, in order, and of equals the first', async () => {
  const sizes = fc.array(fc.nat(50), { maxLength: 3000 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 1, max: 40 }), async (all, most) => {
      const numbered = all.map((size, at) => ({ size, at }));
      const sorted = numbered.toSorted((a, b) => b.size - a.size || a.at - b.at);
      expect(await foremost(numbered, (a, b) => b.size - a.size, most)).toEqual(sorted.slice(0, most));
    }),
    { numRuns: runs(40) },
  );
});

test('others have their turn meanwhile', async () => {
  let turns = 0;
  const count = (): void => {
    turns += 1;
    if (turns < 1000) setImmediate(count);
  };
  setImmediate(count);
  const many = Array.from({ length: 30_000 }, (_, at) => at);
  expect(await foremost(many, (a, b) => b - a, 2)).toEqual([29_999, 29_998]);
  expect(turns).toBeGreaterThan(25);
});
