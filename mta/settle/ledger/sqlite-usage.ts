/**
 * What has been counted against quotas, on SQLite: a row for each part of a window.
 */
import type { Clock } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Usage, Used } from './usage.ts';

export const USAGE_TABLES = `
  CREATE TABLE quota_used (
    key TEXT NOT NULL, part INTEGER NOT NULL, count INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (key, part))
  WITHOUT ROWID`;

const WRITE = `
  INSERT INTO quota_used
  SELECT value ->> 'key', value ->> 'part', value ->> 'count', value ->> 'until' FROM json_each(?) WHERE true
  ON CONFLICT (key, part) DO UPDATE SET count = excluded.count`;

export class SqliteUsage implements Usage {
  readonly #database: Database;
  readonly #clock: Clock;

  /** The database must have `USAGE_TABLES` among its migrations. */
  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async read(): Promise<readonly Used[]> {
    const sql = 'SELECT key, part, count, until FROM quota_used WHERE until > ?';
    const rows = await this.#database.read(sql, [this.#clock.now()]);
    return rows.map(({ key, part, count, until }) => ({
      key: String(key),
      part: Number(part),
      count: Number(count),
      until: Number(until),
    }));
  }

  write(used: readonly Used[]): Promise<void> {
    return this.#database.write([
      { sql: WRITE, params: [JSON.stringify(used)] },
      { sql: 'DELETE FROM quota_used WHERE until <= ? OR count = 0', params: [this.#clock.now()] },
    ]);
  }
}
