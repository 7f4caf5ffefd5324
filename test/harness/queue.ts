/**
 * A real queue and its events in a folder of their own, whose storage fails when a test says so.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';
import { type Clock, systemClock } from '#lib/run/clock.ts';
import { Database } from '#lib/sqlite/database.ts';
import { MIGRATIONS } from '#mta/roles/data-folder.ts';
import type { MailEvent } from '#mta/mail/event.ts';
import type { Message } from '#mta/mail/message.ts';
import { InHand } from '#mta/queue/sqlite/in-hand.ts';
import { SqliteQueue } from '#mta/queue/sqlite/queue.ts';
import { recordEvent } from '#mta/settle/ledger/sqlite.ts';
import { serveHere } from './database.ts';
import { slotsInMemory } from './slots.ts';

export interface TestQueue {
  readonly queue: SqliteQueue;
  readonly database: Database;
  /** While true, nothing can be written. */
  broken: boolean;
  /** Every event on record, by message and in order. */
  events(): Promise<readonly MailEvent[]>;
}

/**
 * To be called once, outside of tests: one database for all tests of a file, because opening one takes a while. Each
 * call of what it answers empties it. Commits follow the machine's clock, everything else the test's.
 */
export function openTestStorage(): (clock: Clock) => Promise<TestQueue> {
  const folder = mkdtempSync(join(tmpdir(), 'postfleet-queue-'));
  const options = { path: join(folder, 'queue.db'), migrations: MIGRATIONS };
  const opening = Database.open(options, systemClock, serveHere);
  afterAll(async () => {
    await (await opening).close();
    rmSync(folder, { recursive: true });
  });
  return async (clock) => {
    const database = await opening;
    await database.write(
      [
        'message',
        'entry',
        'event',
        'put_once',
        'suppression',
        'returned',
        'stray',
        'quota_used',
        'note',
        'suspension',
        'audit',
        'suspect',
      ].map((it) => ({
        sql: `DELETE FROM ${it}`,
        params: [],
      })),
    );
    return openQueue(database, clock);
  };
}

async function openQueue(database: Database, clock: Clock): Promise<TestQueue> {
  const storage = { broken: false };
  const queue = await SqliteQueue.open({
    database,
    clock,
    recordEvent: (event) => (storage.broken ? { sql: 'INSERT INTO nowhere', params: [] } : recordEvent(event)),
    unreadable: () => undefined,
    inHand: new InHand(slotsInMemory()),
  });
  onTestFinished(() => queue.close());
  return Object.assign(storage, { queue, database, events: () => eventsOf(database) });
}

async function eventsOf(database: Database): Promise<MailEvent[]> {
  const rows = await database.read('SELECT event FROM event ORDER BY message, seq');
  return rows.map((row) => JSON.parse(String(row['event'])) as MailEvent);
}

let count = 0;

/** A message with an id of its own, accepted at the start of a `FakeClock`. */
export const aMessage = (over: Partial<Message> = {}): Message => ({
  id: `message${String((count += 1)).padStart(19, '0')}`,
  acceptedAt: Date.UTC(2026, 0, 1),
  expiresAt: Date.UTC(2026, 0, 4),
  tenant: 'default',
  credential: 'default.app',
  domain: 'example.com',
  pool: 'default/main',
  via: 'smtp',
  sender: 'a@example.com',
  body: '7BIT',
  recipients: ['b@dest.test'],
  raw: Buffer.from(`From: a@example.com\r\nSubject: ${count}\r\n\r\nbody\r\n`),
  ...over,
});
