/**
 * What sending remembers, on SQLite: a row for each note.
 */
import type { Clock } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Note } from '../../mail/notebook.ts';
import type { Memory } from './memory.ts';

export const MEMORY_TABLES = `
  CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX note_until ON note (until)`;

const WRITE = `
  INSERT INTO note SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) WHERE true
  ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until`;

export class SqliteMemory implements Memory {
  readonly #database: Pick<Database, 'read' | 'write'>;
  readonly #clock: Clock;

  /** The database must have `MEMORY_TABLES` among its migrations. */
  constructor(database: Pick<Database, 'read' | 'write'>, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async read(): Promise<readonly Note[]> {
    const sql = 'SELECT key, value, until FROM note WHERE until > ?';
    const rows = await this.#database.read(sql, [this.#clock.now()]);
    return rows.map(({ key, value, until }) => ({
      key: String(key),
      value: JSON.parse(String(value)) as unknown,
      until: Number(until),
    }));
  }

  write(notes: readonly Note[]): Promise<void> {
    const rows = notes.map(({ key, value, until }) => [key, JSON.stringify(value), until]);
    return this.#database.write([
      { sql: WRITE, params: [JSON.stringify(rows)] },
      { sql: 'DELETE FROM note WHERE until <= ?', params: [this.#clock.now()] },
    ]);
  }
}
