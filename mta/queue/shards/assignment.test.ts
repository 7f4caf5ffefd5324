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
const CERTAIN = { doubted: new Set<string>(), knowsAll: true, shards: SHARDS };
const all = (epoch: number, of = ofA(['a'])): Record<number, number> => Object.fromEntries(of.map((it) => [it, epoch]));

test('who is alone takes all', () => {
  const steps = stepsOf({ own: beat('a'), others: [], ...CERTAIN });
  expect([...steps]).toEqual(ofA(['a']).map((it) => [it, 'take']));
});

test('what somebody still holds is not taken, though it is ours: it is read ahead, once', () => {
  const others = [beat('b', all(1))];
  const steps = stepsOf({ own: beat('a'), others, ...CERTAIN });
  expect([...steps]).toEqual(ofA(['a', 'b']).map((it) => [it, 'prepare']));
  const own = { ...beat('a'), ready: new Set(ofA(['a', 'b'])) };
  expect(stepsOf({ own, others, ...CERTAIN }).size).toBe(0);
});

test('nothing is taken before everybody who may live was heard', () => {
  expect(stepsOf({ own: beat('a'), others: [], ...CERTAIN, knowsAll: false }).size).toBe(0);
});

test('what is another’s is given up when he has read it, and at once by who leaves', () => {
  const shard = ofA(['a']).find((it) => !ofA(['a', 'b']).includes(it)) ?? 0;
  const b = (ready: number[]): Heartbeat => ({ ...beat('b'), ready: new Set(ready) });
  const stepOf = (own: Heartbeat, other: Heartbeat) => stepsOf({ own, others: [other], ...CERTAIN }).get(shard);
  expect(stepOf(beat('a', all(1)), b([]))).toBeUndefined();
  expect(stepOf(beat('a', all(1)), b([shard]))).toBe('give up');
  expect(stepOf(beat('a', all(1), true), b([]))).toBe('give up');
});

test('shards of who may be dead soon are read ahead, and forgotten when he is heard again', () => {
  const held = ofA(['b']).filter((it) => !ofA(['a', 'b']).includes(it));
  const others = [beat('b', all(1, held))];
  const doubted = stepsOf({ own: beat('a'), others, ...CERTAIN, doubted: new Set(['b']) });
  expect(held.every((it) => doubted.get(it) === 'prepare')).toBe(true);
  const own = { ...beat('a'), ready: new Set(held) };
  const again = stepsOf({ own, others, ...CERTAIN });
  expect(held.every((it) => again.get(it) === 'forget')).toBe(true);
});

test('when somebody comes, his part is given up, and the rest stays', () => {
  const steps = stepsOf({ own: beat('a', all(1)), others: [beat('b')], ...CERTAIN });
  const kept = new Set(ofA(['a', 'b']));
  expect([...steps]).toEqual(
    ofA(['a'])
      .filter((it) => !kept.has(it))
      .map((it) => [it, 'give up']),
  );
  expect(kept.size).toBeGreaterThan(0);
});

test('who leaves gives up all, and the others take it when he holds it no more', () => {
  expect(new Set(stepsOf({ own: beat('a', all(1), true), others: [beat('b')], ...CERTAIN }).values())).toEqual(
    new Set(['give up']),
  );
  expect(stepsOf({ own: beat('a', all(1), true), others: [], ...CERTAIN }).size).toBe(SHARDS);
  expect(stepsOf({ own: beat('a'), others: [beat('b', all(1), true)], ...CERTAIN }).get(0)).toBe('prepare');
  expect(stepsOf({ own: beat('a'), others: [beat('b', {}, true)], ...CERTAIN }).size).toBe(SHARDS);
  expect(stepsOf({ own: beat('a', {}, true), others: [], ...CERTAIN }).size).toBe(0);
});

test('of two who say that they hold a shard the earlier has lost it', () => {
  const [shard = 0] = ofA(['a', 'b']);
  const known = { others: [beat('b', { [shard]: 7 })], ...CERTAIN };
  expect(stepsOf({ ...known, own: beat('a', all(3)) }).get(shard)).toBe('lost');
  expect(stepsOf({ ...known, own: beat('a', all(9)) }).get(shard)).toBeUndefined();
});
