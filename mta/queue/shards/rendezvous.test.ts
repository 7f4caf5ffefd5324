import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ownerOf } from './rendezvous.ts';

const SHARDS = Array.from({ length: 64 }, (_, at) => at);
const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 });

test('everybody comes to the same answer, in whatever order the names are heard', () => {
  fc.assert(
    fc.property(names, (all) => {
      for (const shard of SHARDS) expect(ownerOf(shard, all.toReversed())).toBe(ownerOf(shard, all));
    }),
    { numRuns: 30 },
  );
});

test('of who goes, each shard falls to somebody else, and no other shard moves', () => {
  fc.assert(
    fc.property(names, (all) => {
      const [gone, ...left] = all;
      const kept = SHARDS.filter((it) => ownerOf(it, all) !== gone);
      for (const shard of kept) expect(ownerOf(shard, left)).toBe(ownerOf(shard, all));
    }),
    { numRuns: 30 },
  );
});

test('three have a fair part of 64 each', () => {
  const owners = SHARDS.map((it) => ownerOf(it, ['worker-a', 'worker-b', 'worker-c']));
  for (const name of ['worker-a', 'worker-b', 'worker-c'])
    expect(owners.filter((it) => it === name).length).toBeGreaterThan(12);
});

test('where nobody lives a shard belongs to nobody', () => {
  expect(ownerOf(0, [])).toBeUndefined();
});
