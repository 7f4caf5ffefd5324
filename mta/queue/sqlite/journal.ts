/**
 * Changes and their events in one unit of the database: durable and carried out together, or not at all.
 */
import type { Database } from '#lib/sqlite/database.ts';
import type { Statement } from '#lib/sqlite/protocol.ts';
import type { MailEvent } from '../../mail/event.ts';
import { eventsOf, type Journal } from '../changes.ts';
import { statementsOf } from './carry-out.ts';

export interface JournalOptions {
  readonly database: Pick<Database, 'write'>;
  /** How an event is written down. */
  readonly recordEvent: (event: MailEvent) => Statement;
}

export const journalIn = ({ database, recordEvent }: JournalOptions): Journal => ({
  write: (changes) => database.write(changes.flatMap((it) => [...eventsOf(it).map(recordEvent), ...statementsOf(it)])),
});
