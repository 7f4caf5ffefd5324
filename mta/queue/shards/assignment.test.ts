import { expect, test } from 'vitest';
import { stepsOf } from './assignment.ts';
import type { Heartbeat } from './heartbeat.ts';
import { ownerOf } from './rendezvous.ts';

const SHARDS = 16;
const beat = (name: string, held: Record<number, number> = {}, isLeaving = false): Heartbeat => ({
  name,
  isLeaving,
  held: new Map(Object.entries(held).map(([shard, epoch]) => [Number(shard), epoch])),
});
const ofA = (names: string[]): number[] =>
  Array.from({ length: SHARDS }, (_, at) => at).filter((it) => ownerOf(it, names) === 'a');
const all = (epoch: number, of = ofA(['a'])): Record<number, number> => Object.fromEntries(of.map((it) => [it, epoch]));

test('who is alone takes all', () => {
  const steps = stepsOf({ own: beat('a'), others: [], shards: SHARDS });
  expect([...steps]).toEqual(ofA(['a']).map((it) => [it, 'take']));
});

test('what somebody still holds is not taken, though it is ours', () => {
  const steps = stepsOf({ own: beat('a'), others: [beat('b', all(1))], shards: SHARDS });
  expect(steps.size).toBe(0);
});

test('when somebody comes, his part is given up, and the rest stays', () => {
  const steps = stepsOf({ own: beat('a', all(1)), others: [beat('b')], shards: SHARDS });
  const kept = new Set(ofA(['a', 'b']));
  expect([...steps]).toEqual(
    ofA(['a'])
      .filter((it) => !kept.has(it))
      .map((it) => [it, 'give up']),
  );
  expect(kept.size).toBeGreaterThan(0);
});

test('who leaves gives up all, and the others take it when he holds it no more', () => {
  expect(new Set(stepsOf({ own: beat('a', all(1), true), others: [beat('b')], shards: SHARDS }).values())).toEqual(
    new Set(['give up']),
  );
  expect(stepsOf({ own: beat('a', all(1), true), others: [], shards: SHARDS }).size).toBe(SHARDS);
  expect(stepsOf({ own: beat('a'), others: [beat('b', all(1), true)], shards: SHARDS }).size).toBe(0);
  expect(stepsOf({ own: beat('a'), others: [beat('b', {}, true)], shards: SHARDS }).size).toBe(SHARDS);
  expect(stepsOf({ own: beat('a', {}, true), others: [], shards: SHARDS }).size).toBe(0);
});

test('of two who say that they hold a shard the earlier has lost it', () => {
  const [shard = 0] = ofA(['a', 'b']);
  const known = { others: [beat('b', { [shard]: 7 })], shards: SHARDS };
  expect(stepsOf({ ...known, own: beat('a', all(3)) }).get(shard)).toBe('lost');
  expect(stepsOf({ ...known, own: beat('a', all(9)) }).get(shard)).toBeUndefined();
});
