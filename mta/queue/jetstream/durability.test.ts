import { expect, test } from 'vitest';
import { doubtsOf, durabilityOf } from './durability.ts';

const server = (name: string, over = {}) => ({ name, version: '2.15.2', syncsAlways: true, ...over });

test.each([
  ['all are as they should be', [server('a'), server('b')], ['a', 'b'], [], 'Fsync'],
  ['one syncs later', [server('a'), server('b', { syncsAlways: false })], ['a', 'b'], [/b answers before/], 'Weaker'],
  ['one is unknown', [server('a')], ['a', 'b', 'c'], [/server b is set/, /server c is set/], 'Unknown'],
  [
    'one is unknown, one syncs later',
    [server('a', { syncsAlways: false })],
    ['a', 'b'],
    [/b is set/, /a an/],
    'Weaker',
  ],
  ['one is old', [server('a', { version: '2.14.9' })], ['a'], [/a is of version 2\.14\.9/], 'Weaker'],
  [
    'one is newer',
    [server('a', { version: '2.16.0-preview.1' }), server('b', { version: '3.0.0' })],
    ['a', 'b'],
    [],
    'Fsync',
  ],
  ['one says no version', [server('a', { version: '' })], ['a'], [/of version /], 'Weaker'],
])('%s', (_, seen, keeping, doubts, durability) => {
  const found = doubtsOf(seen, keeping);
  expect(durabilityOf(seen, keeping)).toBe(durability);
  expect(found).toHaveLength(doubts.length);
  for (const [at, doubt] of doubts.entries()) expect(found[at]).toMatch(doubt);
});
