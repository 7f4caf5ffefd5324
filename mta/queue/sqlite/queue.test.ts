import { expect, onTestFinished, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { serveHere } from '../../../test/harness/database.ts';
import { slotsInMemory } from '../../../test/harness/slots.ts';
import { aMessage, openTestStorage } from '../../../test/harness/queue.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hours, systemClock } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import { Database } from '#lib/sqlite/database.ts';
import type { Statement } from '#lib/sqlite/protocol.ts';
import type { MailEvent } from '../../mail/event.ts';
import type { Lease } from '../queue.ts';
import { queueContract, type QueueHarness } from '../queue.contract.ts';
import { recordEvent as recordEventOf } from '../../settle/ledger/sqlite.ts';
import { crashContract } from '../crashes.contract.ts';
import { InHand } from './in-hand.ts';
import { SqliteQueue, type SqliteQueueOptions } from './queue.ts';
import { KEY_NOTES, KEY_TABLES } from './keys.ts';
import * as looking from './looking.ts';
import { DEBT_TABLES, INTENT_TABLES, QUEUE_TABLES, SUSPECT_TABLES } from './tables.ts';

const EVENTS = 'CREATE TABLE event (no INTEGER PRIMARY KEY, event TEXT)';
const recordEvent = (event: MailEvent): Statement => ({
  sql: 'INSERT INTO event (event) VALUES (?)',
  params: [JSON.stringify(event)],
});

const unreadable: unknown[] = [];

function harness(): QueueHarness {
  const folder = mkdtempSync(join(tmpdir(), 'postfleet-queue-'));
  const slots = slotsInMemory();
  let opened: { database: Database; queue: SqliteQueue } | undefined;
  return {
    async open(clock) {
      const database = await Database.open(
        {
          path: join(folder, 'queue.db'),
          migrations: [QUEUE_TABLES, EVENTS, KEY_TABLES, DEBT_TABLES, INTENT_TABLES, KEY_NOTES, SUSPECT_TABLES],
        },
        systemClock,
        serveHere,
      );
      opened = {
        database,
        queue: await SqliteQueue.open({
          database,
          clock,
          recordEvent,
          unreadable: (thrown) => unreadable.push(thrown),
          inHand: new InHand(slots),
        }),
      };
      return opened.queue;
    },
    async crash() {
      opened?.queue.close();
      await opened?.database.close();
      opened = undefined;
    },
    async events() {
      const rows = (await opened?.database.read('SELECT event FROM event ORDER BY no')) ?? [];
      return rows.map((row) => JSON.parse(String(row['event'])) as MailEvent);
    },
    async dispose() {
      rmSync(folder, { recursive: true });
    },
  };
}

queueContract('SQLite', harness);
crashContract('SQLite', harness);

const LANE = 'default default/main dest.test';

/** What a new process would open. */
const reopen = (options: Pick<SqliteQueueOptions, 'database' | 'clock'> & Partial<SqliteQueueOptions>) =>
  SqliteQueue.open({
    recordEvent,
    unreadable: (it) => unreadable.push(it),
    inHand: new InHand(slotsInMemory()),
    ...options,
  });

test('a message that cannot be read is set aside, told of, and holds nobody up', async () => {
  const clock = new FakeClock();
  const { queue, database } = await openTestStorage()(clock);
  const claim = await queue.claim(0);
  for (let at = 0; at < 3; at += 1) await queue.put(aMessage());
  await database.write([{ sql: `UPDATE message SET envelope = '{"v":2}' WHERE no = 2`, params: [] }]);
  const reopened = await reopen({ database, clock });
  onTestFinished(() => reopened.close());
  const again = await reopened.claim(0);
  expect(await reopened.lease(again, LANE, 10, 1000)).toHaveLength(2);
  expect(unreadable).toMatchObject([{ code: 'record-unreadable' }]);
  expect(reopened.depth()).toEqual([{ lane: LANE, depth: 2 }]);
  await queue.release(claim);
});

test('how long mail waits is known from the start, and by what a lease left', async () => {
  const clock = new FakeClock();
  const { queue, database } = await openTestStorage()(clock);
  expect(queue.oldestDue).toBe(Infinity);
  const start = clock.now();
  for (let at = 0; at < 3; at += 1) {
    await queue.put(aMessage({ acceptedAt: clock.now() }));
    clock.advance(1000);
  }
  expect(queue.oldestDue).toBe(start);
  const reopened = await reopen({ database, clock });
  onTestFinished(() => reopened.close());
  const claim = await reopened.claim(0);
  expect(reopened.oldestDue).toBe(start);
  const first = await reopened.lease(claim, LANE, 2, 60_000);
  expect(reopened.oldestDue).toBe(start + 2000);
  await reopened.lease(claim, LANE, 2, 60_000);
  expect(reopened.oldestDue).toBe(Infinity);
  reopened.giveBack(first);
  expect(reopened.oldestDue).toBeLessThanOrEqual(clock.now());
});

test('what is due behind a message that cannot be read is told of', async () => {
  const clock = new FakeClock();
  const { queue, database } = await openTestStorage()(clock);
  for (let at = 0; at < 3; at += 1) await queue.put(aMessage());
  await database.write([{ sql: `UPDATE message SET envelope = '{"v":2}' WHERE no = 1`, params: [] }]);
  const reopened = await reopen({ database, clock });
  onTestFinished(() => reopened.close());
  const claim = await reopened.claim(0);
  const told: string[] = [];
  reopened.watch(claim, (lane) => told.push(lane));
  expect(await reopened.lease(claim, LANE, 2, 1000)).toHaveLength(1);
  expect(told).toEqual([LANE, LANE]);
});

test('small and large messages of a lane are given whole, in the order they are due', async () => {
  const clock = new FakeClock();
  const { queue, database } = await openTestStorage()(clock);
  const sizes = [10, 200_000, 3000, 65_536, 65_537, 1];
  for (const [at, size] of sizes.entries()) await queue.put(aMessage({ raw: Buffer.alloc(size, 48 + at) }));
  const reopened = await reopen({ database, clock, recordEvent: recordEventOf });
  onTestFinished(() => reopened.close());
  // Some are in memory, and some in the file.
  await reopened.put(aMessage({ raw: Buffer.alloc(7, 48 + sizes.length) }));
  const claim = await reopened.claim(0);
  const leases = [...(await reopened.lease(claim, LANE, 4, 1000)), ...(await reopened.lease(claim, LANE, 9, 1000))];
  expect(leases.map(({ message: { raw } }) => [raw.length, raw.at(0), raw.at(-1)])).toEqual(
    [...sizes, 7].map((size, at) => [size, 48 + at, 48 + at]),
  );
});

test('a message is in memory once, however many lanes it goes to', async () => {
  const clock = new FakeClock();
  const { queue, database } = await openTestStorage()(clock);
  const recipients = Array.from({ length: 20 }, (_, at) => `b@d${at}.test`);
  await queue.put(aMessage({ recipients }));
  const reopened = await reopen({ database, clock });
  onTestFinished(() => reopened.close());
  const claim = await reopened.claim(0);
  const lanes = reopened.depth().map((it) => it.lane);
  const leases = (await Promise.all(lanes.map((lane) => reopened.lease(claim, lane, 1, 1000)))).flat();
  expect(leases).toHaveLength(20);
  expect(new Set(leases.map((it) => it.message.raw)).size).toBe(1);
});

test('leases hold so many bytes together: who wants more waits until others have ended, and holds up no other tenant', async () => {
  const clock = new FakeClock();
  const { queue: unused, database } = await openTestStorage()(clock);
  unused.close();
  const leasedBytes = 16 * 1024 * 1024;
  const queue = await reopen({ database, clock, recordEvent: recordEventOf, leasedBytes });
  onTestFinished(() => queue.close());
  const claim = await queue.claim(0);
  const raw = Buffer.alloc(3 * 1024 * 1024, 'x');
  for (let at = 0; at < 4; at += 1) await queue.put(aMessage({ raw }));
  await queue.put(aMessage({ tenant: 'other' }));
  const lease = (tenant: string): Promise<Lease[]> =>
    queue.lease(claim, `${tenant} default/main dest.test`, 10, hours(1));
  const first = await lease('default');
  expect([first.length, queue.leasedBytes]).toEqual([2, 2 * raw.length]);
  let second: Lease[] | undefined;
  const waiting = lease('default').then((it) => (second = it));
  const [other] = await lease('other');
  expect([other?.message.tenant, second]).toEqual(['other', undefined]);
  queue.giveBack(first);
  await waiting;
  expect(second).toHaveLength(2);
  queue.giveBack([...(second ?? []), ...(other ? [other] : [])]);
  expect(queue.leasedBytes).toBe(0);
});

test('a start on a full disk after a crash goes on, without counting it', async () => {
  const clock = new FakeClock();
  const { queue, database } = await openTestStorage()(clock);
  await queue.put(aMessage());
  const slots = slotsInMemory();
  const died = new InHand(slots);
  died.enter(1);
  died.write();
  const full = {
    read: (...asked: Parameters<Database['read']>) => database.read(...asked),
    write: () => Promise.reject(new Fault('storage-full', 'free some')),
  };
  const reopened = await reopen({ database: full as unknown as Database, clock, inHand: new InHand(slots) });
  onTestFinished(() => reopened.close());
  expect(reopened.afterCrash).toEqual({ inHand: 1, apart: 0, setAside: [] });
  expect(reopened.depth()).toEqual([{ lane: LANE, depth: 1 }]);
});

test('looking at a lane and moving it goes by an index, whatever else is queued', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postfleet-plan-'));
  const database = await Database.open(
    { path: join(folder, 'queue.db'), migrations: [QUEUE_TABLES, DEBT_TABLES, INTENT_TABLES] },
    systemClock,
    serveHere,
  );
  onTestFinished(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });
  const { ENDS_OF_LANE, LIST_SUSPENDED, LIST_WAITING, SEIZE, SLICE_SUSPENDED, SLICE_WAITING } = looking;
  for (const sql of [ENDS_OF_LANE, LIST_SUSPENDED, LIST_WAITING, SEIZE, SLICE_SUSPENDED, SLICE_WAITING]) {
    const plan = (await database.read(`EXPLAIN QUERY PLAN ${sql}`)).map((it) => String(it['detail']));
    expect(plan.join('; ')).toMatch(/SEARCH (e|entry) USING (COVERING )?INDEX entry_(due|suspended)/);
    expect(plan.filter((it) => /^SCAN (e|entry|m|message)\b/.test(it))).toEqual([]);
  }
});
