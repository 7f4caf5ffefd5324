/**
 * What people have ordered, on SQLite: a row for each suspension, a row for each record.
 */
import type { Clock } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Statement } from '#lib/sqlite/protocol.ts';
import type { AuditEvent } from '../../mail/audit.ts';
import type { Suspension } from '../../mail/suspension.ts';
import type { AuditRecord, Orders, OrdersChange } from './orders.ts';

export const ORDER_TABLES = `
  CREATE TABLE suspension (id TEXT PRIMARY KEY, until INTEGER, suspension TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE audit (no INTEGER PRIMARY KEY, event TEXT NOT NULL)`;

/** Records kept: the oldest go one by one. */
const MOST_RECORDS = 100_000;

export class SqliteOrders implements Orders {
  readonly #database: Pick<Database, 'read' | 'write'>;
  readonly #clock: Clock;

  /** The database must have `ORDER_TABLES` among its migrations. */
  constructor(database: Pick<Database, 'read' | 'write'>, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async suspensions(): Promise<readonly Suspension[]> {
    const sql = 'SELECT suspension FROM suspension WHERE until IS NULL OR until > ?';
    const rows = await this.#database.read(sql, [this.#clock.now()]);
    return rows.map((row) => JSON.parse(String(row['suspension'])) as Suspension);
  }

  record(event: AuditEvent, { begin, end = [] }: OrdersChange = {}): Promise<void> {
    return this.#database.write([
      { sql: 'DELETE FROM suspension WHERE until <= ?', params: [this.#clock.now()] },
      ...(begin ? [insert(begin)] : []),
      ...end.map((id) => ({ sql: 'DELETE FROM suspension WHERE id = ?', params: [id] })),
      { sql: 'INSERT INTO audit (event) VALUES (?)', params: [JSON.stringify(event)] },
      { sql: 'DELETE FROM audit WHERE no <= (SELECT max(no) FROM audit) - ?', params: [MOST_RECORDS] },
    ]);
  }

  async audit(most: number, before = Number.MAX_SAFE_INTEGER): Promise<readonly AuditRecord[]> {
    const sql = 'SELECT no, event FROM audit WHERE no < ? ORDER BY no DESC LIMIT ?';
    const rows = await this.#database.read(sql, [before, most]);
    return rows.map((row) => Object.assign(JSON.parse(String(row['event'])) as AuditEvent, { no: Number(row['no']) }));
  }
}

const insert = (suspension: Suspension): Statement => ({
  sql: 'INSERT OR REPLACE INTO suspension VALUES (?, ?, ?)',
  params: [suspension.id, suspension.until ?? null, JSON.stringify(suspension)],
});
