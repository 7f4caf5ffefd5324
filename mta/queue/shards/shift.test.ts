import { beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Crew } from './crew.ts';
import { Shift, type Wire } from './shift.ts';

const SHARDS = 12;
/** Seconds until who begins has what is his. */
const BEGUN = 7;

/** Everybody hears everybody, himself too; who is cut off neither speaks nor hears. */
class Room {
  readonly #hearing = new Map<string, (bytes: Uint8Array) => void>();
  readonly cut = new Set<string>();

  wireOf(name: string): Wire {
    return {
      publish: (bytes) => {
        if (this.cut.has(name)) return;
        for (const [other, hear] of this.#hearing) if (!this.cut.has(other)) hear(bytes);
      },
      subscribe: (hear) => {
        this.#hearing.set(name, hear);
        return { stop: () => this.#hearing.delete(name) };
      },
    };
  }
}

let clock: FakeClock;
let room: Room;
let epoch: number;
/** Who has which shard, as the streams would say. */
let owners: Map<number, string>;

beforeEach(() => {
  [clock, room, epoch, owners] = [new FakeClock(), new Room(), 0, new Map()];
});

class FakeShare {
  readonly held = new Map<number, number>();
  readonly ready = new Set<number>();
  readonly #name: string;
  /** Taking fails. */
  isBroken = false;

  constructor(name: string) {
    this.#name = name;
  }

  async take(shard: number): Promise<void> {
    if (this.isBroken) throw new Error('NATS is away');
    this.ready.delete(shard);
    this.held.set(shard, (epoch += 1));
    owners.set(shard, this.#name);
  }

  async prepare(shard: number): Promise<void> {
    this.ready.add(shard);
  }

  async forget(shard: number): Promise<void> {
    this.ready.delete(shard);
  }

  async isStillHeld(shard: number): Promise<boolean> {
    return owners.get(shard) === this.#name;
  }

  async giveUp(shard: number): Promise<void> {
    this.held.delete(shard);
  }

  async drop(shard: number): Promise<void> {
    this.held.delete(shard);
  }
}

function open(name: string) {
  const [share, crew] = [new FakeShare(name), new Crew(name, clock)];
  const told: string[] = [];
  const worker = { cuts: 0 };
  const shift = new Shift({
    name,
    shards: SHARDS,
    share,
    crew,
    wire: room.wireOf(name),
    clock,
    cutOff: () => (worker.cuts += 1),
    told: (step, _, fault) => told.push(fault === undefined ? step : `not ${step}`),
  });
  shift.begin();
  return { share, shift, told, worker };
}

async function pass(seconds: number): Promise<void> {
  for (let tick = 0; tick < seconds * 4; tick += 1) {
    clock.advance(250);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('shards', () => {
  test('are shared by all who begin, and each is held once', async () => {
    const all = ['a', 'b', 'c'].map(open);
    await pass(BEGUN);
    const held = all.flatMap(({ share }) => Array.from(share.held.keys()));
    expect(held.toSorted((a, b) => a - b)).toEqual(Array.from({ length: SHARDS }, (_, at) => at));
    expect(epoch).toBe(SHARDS);
  });

  test('of who is heard no more fall to the others within seven seconds', async () => {
    const [a, b] = [open('a'), open('b')];
    await pass(BEGUN);
    const lost = a.share.held.size;
    a.shift.close();
    await pass(7);
    expect([lost > 0, b.share.held.size]).toEqual([true, SHARDS]);
  });

  test('go over to who comes when they are given up, not before', async () => {
    const a = open('a');
    await pass(BEGUN);
    const b = open('b');
    await pass(BEGUN);
    expect(b.share.held.size).toBeGreaterThan(0);
    expect(a.told.filter((it) => it === 'give up')).toHaveLength(b.share.held.size);
    expect(a.told).not.toContain('lost');
  });

  test('stay with who stands still for less than it takes to be dead, also when somebody comes meanwhile', async () => {
    const a = open('a');
    await pass(BEGUN);
    room.cut.add('a');
    const b = open('b');
    await pass(3);
    room.cut.delete('a');
    await pass(BEGUN);
    expect(a.told).not.toContain('lost');
    expect([a.worker.cuts, a.share.held.size + b.share.held.size, b.share.held.size > 0]).toEqual([0, SHARDS, true]);
  });

  test('are read by the others while who may be dead is only silent, and forgotten when he is heard again', async () => {
    const [a, b] = [open('a'), open('b')];
    await pass(BEGUN);
    room.cut.add('a');
    await pass(3);
    expect(b.share.ready.size).toBe(a.share.held.size);
    room.cut.delete('a');
    await pass(2);
    expect([b.share.ready.size, b.told.includes('lost')]).toEqual([0, false]);
  });

  test('are given up at once by who leaves, and taken by the others at once', async () => {
    const [a, b] = [open('a'), open('b')];
    await pass(BEGUN);
    await a.shift.leave();
    await pass(1);
    expect([a.share.held.size, b.share.held.size]).toEqual([0, SHARDS]);
  });

  test('of who was cut off are another’s: it stops, and knows them as lost when it is back', async () => {
    const [a, b] = [open('a'), open('b')];
    await pass(BEGUN);
    const before = a.share.held.size;
    room.cut.add('a');
    await pass(7);
    expect([a.worker.cuts, a.share.held.size, b.share.held.size]).toEqual([1, before, SHARDS]);
    room.cut.delete('a');
    await pass(8);
    expect(a.told.filter((it) => it === 'lost')).toHaveLength(before);
    expect(a.shift.isSure).toBe(true);
    expect(a.share.held.size + b.share.held.size).toBe(SHARDS);
  });

  test('of who was cut off are still his own when nobody else lives, and he goes on', async () => {
    const a = open('a');
    await pass(BEGUN);
    room.cut.add('a');
    await pass(20);
    expect(a.shift.isSure).toBe(false);
    room.cut.delete('a');
    await pass(BEGUN);
    expect([a.shift.isSure, a.share.held.size, epoch]).toEqual([true, SHARDS, SHARDS]);
  });

  test('that cannot be taken are tried again', async () => {
    const a = open('a');
    a.share.isBroken = true;
    await pass(BEGUN);
    expect(new Set(a.told)).toEqual(new Set(['not take']));
    a.share.isBroken = false;
    await pass(4);
    expect(a.share.held.size).toBe(SHARDS);
  });
});
