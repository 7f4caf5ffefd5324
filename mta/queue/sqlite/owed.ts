/**
 * Which senders are owed a report of what.
 */
import type { Database } from '#lib/sqlite/database.ts';
import type { MailEvent } from '../../mail/event.ts';
import type { Unreported } from '../queue.ts';
import { messageOf } from './messages.ts';
import { indexOf, OWED_EVENTS, OWED_MESSAGES } from './tables.ts';

/** Messages all of whose recipients have been tried, with what is unreported, up to `max`. */
export async function listOwed(database: Database, max: number): Promise<Unreported[]> {
  const rows = await database.read(OWED_MESSAGES, [max]);
  return Promise.all(
    rows.map(async (row) => {
      const owed = await database.read(OWED_EVENTS, [Number(row['no'])]);
      return {
        message: messageOf(row),
        events: owed.map((it) => ({
          index: indexOf(Number(it['no'])),
          event: JSON.parse(String(it['debt'])) as MailEvent,
        })),
      };
    }),
  );
}
