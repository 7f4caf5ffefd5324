import { beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../run/fake-clock.ts';
import { Fault } from '../run/fault.ts';
import { type Following, keepFollowing } from './following.ts';
import type { Stored } from './stored.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const stored = (seq: number): Stored => ({ seq, subject: 's', header: () => '', payload: Buffer.alloc(0) });

let clock: FakeClock;
let last: number;
let opened: number[];

beforeEach(() => {
  [clock, last, opened] = [new FakeClock(), 0, []];
});

/** Gives these, then ends, falls silent until it is stopped, or fails. */
function giving(sequences: readonly number[], then: 'ends' | 'waits' | Error): Following {
  const stopped = Promise.withResolvers<void>();
  return {
    stop: () => stopped.resolve(),
    async *[Symbol.asyncIterator]() {
      for (const it of sequences) yield stored(it);
      if (then instanceof Error) throw then;
      if (then === 'waits') await stopped.promise;
    },
  };
}

async function follow(all: (Following | Error)[]) {
  const left = [...all];
  const open = async (from: number): Promise<Following> => {
    opened.push(from);
    const next = left.shift() ?? giving([], 'waits');
    if (next instanceof Error) throw next;
    return next;
  };
  const seen: number[] = [];
  const following = await keepFollowing({ clock, open, last: async () => last, isOver: () => false }, 5);
  const ended = (async () => {
    for await (const it of following) seen.push(it.seq);
  })();
  // Whoever asks how it ended hears of it later.
  ended.catch(() => undefined);
  await turn();
  return { following, seen, ended };
}

async function pass(seconds: number): Promise<void> {
  for (let tick = 0; tick < seconds; tick += 1) {
    clock.advance(1000);
    await turn();
  }
}

test('when what delivers ends without a word, another goes on after what was seen', async () => {
  const { following, seen, ended } = await follow([giving([5, 7], 'ends'), giving([8], 'waits')]);
  expect([seen, opened]).toEqual([
    [5, 7, 8],
    [5, 8],
  ]);
  following.stop();
  await ended;
});

test('when it falls silent though more is there, another is made; when nothing is there it is left alone', async () => {
  const { following, seen, ended } = await follow([giving([5], 'waits'), giving([6], 'waits')]);
  last = 5;
  await pass(20);
  expect(opened).toEqual([5]);
  last = 6;
  await pass(12);
  expect([seen, opened]).toEqual([
    [5, 6],
    [5, 6],
  ]);
  following.stop();
  await ended;
});

test('another is asked for until there is one, and not when the stream is gone', async () => {
  const away = new Fault('nats-failed', 'no leader');
  const first = await follow([giving([], new Error('gone')), away, away, giving([5], 'waits')]);
  await pass(2);
  expect(first.seen).toEqual([5]);
  first.following.stop();
  await first.ended;
  const second = await follow([giving([], 'ends'), new Fault('nats-no-stream', 'there is none')]);
  await expect(second.ended).rejects.toThrow('there is none');
});
