/** What lies in a log is read as fast as it is written into the view, however fast the servers tell it. */
import { expect, test } from 'vitest';
import type { Following } from '#lib/nats/following.ts';
import type { Stored } from '#lib/nats/stored.ts';
import { aMessage } from '../../../test/harness/queue.ts';
import { Arrivals } from './arrivals.ts';
import { layoutOf } from './layout.ts';
import { encodePut } from './put-record.ts';

const layout = layoutOf('q', 1);
const SIZE = 10_000;
const MANY = 3000;
const [sent] = encodePut(aMessage({ raw: Buffer.alloc(SIZE, 'x') }), layout);

const record = (seq: number): Stored => ({
  seq,
  subject: layout.inOf(0),
  header: (name) => sent?.headers?.[name] ?? '',
  payload: Buffer.from(sent?.payload ?? ''),
});

/** A log of so many; tells how many were read. */
function logOf(many: number): { read: number; readonly following: Following } {
  const log = { read: 0, following: { stop: () => undefined, [Symbol.asyncIterator]: records } };
  async function* records(): AsyncGenerator<Stored> {
    for (let seq = 1; seq <= many; seq += 1) yield record((log.read = seq));
  }
  return log;
}

const aWhile = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
};

test('while the view is written nothing more is read than there is room for, and then all of it', async () => {
  const log = logOf(MANY);
  const arrived: number[] = [];
  const writing = Promise.withResolvers<void>();
  const arrivals = new Arrivals({
    streams: { follow: async () => log.following, readAll: () => log.following[Symbol.asyncIterator]() as never },
    database: { write: () => writing.promise },
    layout,
    shard: 0,
    fetch: async () => undefined,
    arrived: (sequence) => void arrived.push(sequence),
    troubled: (thrown) => {
      throw thrown;
    },
  });
  const all = arrivals.readTo(MANY, MANY);
  await aWhile();
  expect(log.read * SIZE).toBeLessThan(6 * 1024 * 1024);
  writing.resolve();
  await all;
  expect(arrived).toEqual(Array.from({ length: MANY }, (_, at) => at + 1));
});

test('whoever is stopped while there is no room is done', async () => {
  const log = logOf(MANY);
  const arrivals = new Arrivals({
    streams: { follow: async () => log.following, readAll: () => log.following[Symbol.asyncIterator]() as never },
    database: { write: () => new Promise<never>(() => undefined) },
    layout,
    shard: 0,
    fetch: async () => undefined,
    arrived: () => undefined,
    troubled: () => undefined,
  });
  const all = arrivals.readTo(MANY, MANY);
  await aWhile();
  arrivals.stop();
  await all;
  expect(log.read).toBeLessThanOrEqual(MANY);
});
