import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#lib/run/clock.ts';
import { Database } from '#lib/sqlite/database.ts';
import type { Statement } from '#lib/sqlite/protocol.ts';
import type { MailEvent } from '../../event.ts';
import { queueContract, type QueueHarness } from '../queue.contract.ts';
import { SqliteQueue } from './queue.ts';
import { QUEUE_TABLES } from './tables.ts';

const EVENTS = 'CREATE TABLE event (no INTEGER PRIMARY KEY, event TEXT)';
const recordEvent = (event: MailEvent): Statement => ({
  sql: 'INSERT INTO event (event) VALUES (?)',
  params: [JSON.stringify(event)],
});

function harness(): QueueHarness {
  const folder = mkdtempSync(join(tmpdir(), 'postfleet-queue-'));
  let opened: { database: Database; queue: SqliteQueue } | undefined;
  return {
    async open(clock) {
      const database = await Database.open(
        { path: join(folder, 'queue.db'), migrations: [QUEUE_TABLES, EVENTS] },
        systemClock,
      );
      opened = { database, queue: await SqliteQueue.open({ database, clock, recordEvent }) };
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
