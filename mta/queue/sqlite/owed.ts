/**
 * Which senders are owed a report of which failures.
 */
import type { Database } from '#lib/sqlite/database.ts';
import type { MailEvent } from '../../event.ts';
import type { Unreported } from '../queue.ts';
import { messageOf } from './messages.ts';
import { FAILURES_OF, indexOf, OWED_MESSAGES } from './tables.ts';

/** Messages all of whose recipients have been tried, with their unreported failures, up to `max`. */
export async function listOwed(database: Database, max: number): Promise<Unreported[]> {
  const rows = await database.read(OWED_MESSAGES, [max]);
  return Promise.all(
    rows.map(async (row) => {
      const failures = await database.read(FAILURES_OF, [Number(row['no'])]);
      return {
        message: messageOf(row),
        failures: failures.map((it) => ({
          index: indexOf(Number(it['no'])),
          event: JSON.parse(String(it['failure'])) as MailEvent,
        })),
      };
    }),
  );
}
