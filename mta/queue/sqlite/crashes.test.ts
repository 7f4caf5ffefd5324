import { expect, test } from 'vitest';
import { hours, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Database } from '#lib/sqlite/database.ts';
import { aMessage, openTestStorage } from '../../../test/harness/queue.ts';
import { recordEvent } from '../../settle/ledger/sqlite.ts';
import { countCrash } from './crashes.ts';
import { journalIn } from './journal.ts';

const storage = openTestStorage();

/** A queue of `count` messages, numbered from 1 on, and crashes of a process that had some in hand. */
async function open(count: number) {
  const clock = new FakeClock();
  const { queue, database } = await storage(clock);
  for (let at = 0; at < count; at += 1) await queue.put(aMessage({ acceptedAt: clock.now() }));
  const crash = (...found: readonly number[]) =>
    countCrash(database, found, clock.now(), journalIn({ database, recordEvent }));
  const column = async (sql: string) => (await database.read(sql)).map((row) => row['it']);
  return { clock, queue, database, crash, column };
}

const SUSPECTS = 'SELECT message AS it FROM suspect ORDER BY message';
const DUES = 'SELECT due AS it FROM entry ORDER BY no';

test('what follows is told: how many were in hand, how many wait apart, who was set aside', async () => {
  const { clock, crash } = await open(3);
  expect(await crash()).toEqual({ inHand: 0, apart: 0, setAside: [] });
  expect(await crash(1, 2, 99)).toEqual({ inHand: 2, apart: 0, setAside: [] });
  expect(await crash(1, 2, 3)).toEqual({ inHand: 3, apart: 2, setAside: [] });
  const { inHand, apart, setAside } = await crash(2, 3);
  expect([inHand, apart]).toEqual([2, 1]);
  expect(setAside).toMatchObject([
    {
      type: 'set-aside',
      recipient: 'b@dest.test',
      index: 0,
      attempt: 0,
      at: clock.now(),
      reply: 'in hand at 3 crashes: postfleet resume --message lets it go',
    },
  ]);
});

test.each([
  ['a second', 2, seconds(1)],
  ['a second, just', 30, seconds(1)],
  ['less where that would be more than half a minute', 60, seconds(0.5)],
])('those that wait apart are apart by %s', async (_, count, spacing) => {
  const { clock, crash, column } = await open(count);
  const all = Array.from({ length: count }, (_it, at) => at + 1);
  await crash(...all);
  expect(new Set(await column(DUES))).toEqual(new Set([clock.now()]));
  await crash(...all);
  expect(await column(DUES)).toEqual(all.map((at) => clock.now() + at * spacing));
});

test.each([
  ['a day ago counts', hours(24), 1],
  ['more than a day ago is forgotten', hours(24) + 1, 0],
])('a crash %s', async (_, pause, apart) => {
  const { clock, crash, column } = await open(2);
  await crash(1);
  clock.advance(pause);
  expect(await crash(2)).toMatchObject({ apart: 0 });
  expect(await column(SUSPECTS)).toEqual(apart === 1 ? [1, 2] : [2]);
  expect(await crash(1)).toMatchObject({ apart });
});

test('nothing is remembered of a message that has ended', async () => {
  const { database, crash, column } = await open(2);
  await crash(1, 2);
  await database.write([{ sql: 'DELETE FROM message WHERE no = 1', params: [] }]);
  await crash();
  expect(await column(SUSPECTS)).toEqual([2]);
});

test('a disk that fails otherwise than by being full ends the start', async () => {
  const { database, clock } = await open(1);
  const failing: Pick<Database, 'read' | 'write'> = {
    read: (...asked) => database.read(...asked),
    write: () => Promise.reject(new Fault('storage-failed', 'the disk is gone')),
  };
  const journal = journalIn({ database: failing, recordEvent });
  const counted = countCrash(failing as Database, [1], clock.now(), journal);
  await expect(counted).rejects.toMatchObject({ code: 'storage-failed' });
});
