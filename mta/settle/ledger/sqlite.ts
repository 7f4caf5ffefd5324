/**
 * The ledger on SQLite, in the same file as the queue, so that outcome and event share a transaction.
 *
 * Ids begin with their time, so events of one message lie side by side and the oldest messages first: looking up and
 * pruning touch one end of one tree.
 */
import type { Clock, Duration, Timer } from '#lib/run/clock.ts';
import { hours, seconds } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Statement } from '#lib/sqlite/protocol.ts';
import type { MailEvent } from '../../mail/event.ts';
import { acceptedAtOf, firstIdAt, type MessageId } from '../../mail/message.ts';
import type { Ledger } from './ledger.ts';
import { dropStrays, keepCopy, SqliteReturned } from './sqlite-returned.ts';
import { SqliteMemory } from './sqlite-memory.ts';
import { SqliteOrders } from './sqlite-orders.ts';
import { SqliteUsage } from './sqlite-usage.ts';
import { SqliteSuppressions } from './sqlite-suppressions.ts';

export const LEDGER_TABLES = `
  CREATE TABLE event (message TEXT NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL, PRIMARY KEY (message, seq))
  WITHOUT ROWID`;

/** The statement that records an event: next in its message's sequence. */
export const recordEvent = (event: MailEvent): Statement => ({
  sql: 'INSERT INTO event SELECT ?1, coalesce(max(seq), 0) + 1, ?2 FROM event WHERE message = ?1',
  params: [event.message, JSON.stringify(event)],
});

/** How long events are kept after their message was accepted, and in any case as long as it is queued. */
const RETENTION: Duration = hours(7 * 24);
/** Rows removed at a time, so that pruning never holds the file for long. */
const SLICE = 5000;
const PAUSE: Duration = seconds(1);

export interface SqliteLedgerOptions {
  readonly database: Database;
  readonly clock: Clock;
  /** A query for the ids of messages that are still queued, in the same file. */
  readonly queued: string;
}

export class SqliteLedger implements Ledger {
  readonly suppressions: SqliteSuppressions;
  readonly usage: SqliteUsage;
  readonly returned: SqliteReturned;
  readonly memory: SqliteMemory;
  readonly orders: SqliteOrders;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #queued: string;
  #timer: Timer;
  #isClosed = false;

  private constructor(options: SqliteLedgerOptions, suppressions: SqliteSuppressions) {
    this.suppressions = suppressions;
    this.returned = new SqliteReturned(options.database);
    this.usage = new SqliteUsage(options.database, options.clock);
    this.memory = new SqliteMemory(options.database, options.clock);
    this.orders = new SqliteOrders(options.database, options.clock);
    this.#queued = options.queued;
    this.#database = options.database;
    this.#clock = options.clock;
    this.#timer = options.clock.after(PAUSE, () => this.#prune());
  }

  /** The database must have every table of the ledger's among its migrations. */
  static async open(options: SqliteLedgerOptions): Promise<SqliteLedger> {
    return new SqliteLedger(options, await SqliteSuppressions.open(options.database, options.clock));
  }

  async trace(message: MessageId): Promise<readonly MailEvent[]> {
    const rows = await this.#database.read('SELECT event FROM event WHERE message = ? ORDER BY seq', [message]);
    return rows.map((row) => JSON.parse(String(row['event'])) as MailEvent);
  }

  async last(message: MessageId, index: number): Promise<MailEvent | undefined> {
    const sql = "SELECT event FROM event WHERE message = ? AND event ->> 'index' = ? ORDER BY seq DESC LIMIT 1";
    const [row] = await this.#database.read(sql, [message, index]);
    return row && (JSON.parse(String(row['event'])) as MailEvent);
  }

  async keep(events: readonly MailEvent[], copy: Buffer): Promise<void> {
    const copies = events.filter((it) => it.type === 'returned').map((it) => keepCopy(it, copy));
    await this.#database.write([...events.map(recordEvent), ...copies]);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer.cancel();
  }

  /** Failing to prune loses nothing; it is tried again. */
  #prune(): void {
    const again = (): void => {
      if (!this.#isClosed) this.#timer = this.#clock.after(PAUSE, () => this.#prune());
    };
    Promise.all([this.#pruneSlice(), this.suppressions.prune()]).then(again, again);
  }

  /** Age is counted from the newest event, so that a clock that is ahead for a moment erases nothing. */
  async #pruneSlice(): Promise<void> {
    const [row] = await this.#database.read('SELECT max(message) AS newest FROM event');
    if (typeof row?.['newest'] !== 'string') return;
    const since = Math.max(Math.min(this.#clock.now(), acceptedAtOf(row['newest'])) - RETENTION, 0);
    const before = firstIdAt(since);
    const old = `SELECT message FROM event WHERE message < ? AND message NOT IN (${this.#queued}) ORDER BY message LIMIT ?`;
    const [any] = await this.#database.read(`SELECT 1 FROM (${old}) UNION ALL SELECT 1 FROM stray WHERE at < ?`, [
      before,
      1,
      since,
    ]);
    if (!any) return;
    const params = [before, SLICE];
    await this.#database.write(
      // Copies first: what is old is told by the events.
      [
        ...['returned', 'event'].map((table) => ({ sql: `DELETE FROM ${table} WHERE message IN (${old})`, params })),
        dropStrays(since),
      ],
    );
  }
}
