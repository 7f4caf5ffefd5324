/**
 * Which senders are owed a report of what.
 */
import type { Database } from '#lib/sqlite/database.ts';
import type { MailEvent } from '../../mail/event.ts';
import type { Unreported } from '../queue.ts';
import { type Messages, UNREAD } from './messages.ts';
import { entryNo, indexOf, OWED_EVENTS, OWED_MESSAGES } from './tables.ts';

/** Messages all of whose recipients have been tried, with what is unreported, up to `max`. */
export async function listOwed(database: Database, messages: Messages, max: number): Promise<Unreported[]> {
  const rows = await database.read(OWED_MESSAGES, [max]);
  const numbers = rows.map((row) => Number(row['no']));
  const found = await messages.of(
    numbers.map((no) => ({ no: entryNo(no, 0) })),
    Infinity,
  );
  const owed = await Promise.all(
    numbers.map(async (no) => {
      const message = found.get(no);
      if (!message || message === UNREAD) return [];
      const events = await database.read(OWED_EVENTS, [no]);
      return [
        {
          message,
          events: events.map((it) => ({
            index: indexOf(Number(it['no'])),
            event: JSON.parse(String(it['debt'])) as MailEvent,
          })),
        },
      ];
    }),
  );
  return owed.flat();
}
