/**
 * Mail that came back, on SQLite: copies beside the events of their message, and the shelf of what is about none.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Statement } from '#lib/sqlite/protocol.ts';
import type { MailEvent } from '../../mail/event.ts';
import type { MessageId } from '../../mail/message.ts';
import { REPORT_KINDS } from '../../mail/report.ts';
import { subjectKey } from '../../mail/suppression.ts';
import { MOST_STRAYS, type ReturnedMail, type Stray } from './returned.ts';

/** Mail that came back, cut to what is worth keeping. */
export const RETURN_TABLES = `
  CREATE TABLE returned (message TEXT NOT NULL, seq INTEGER NOT NULL, copy BLOB NOT NULL, PRIMARY KEY (message, seq))
  WITHOUT ROWID`;

/** Which recipient a copy is about (as `subjectKey` has it), and what is about no message. */
export const STRAY_TABLES = `
  ALTER TABLE returned ADD COLUMN recipient TEXT;
  CREATE INDEX returned_by_recipient ON returned (recipient, message);
  CREATE TABLE stray (
    seq INTEGER PRIMARY KEY, tenant TEXT NOT NULL, recipient TEXT NOT NULL, at INTEGER NOT NULL, host TEXT NOT NULL,
    report TEXT NOT NULL, copy BLOB NOT NULL);
  CREATE INDEX stray_by_tenant ON stray (tenant, at)`;

/** Keeps the copy that an event `returned` tells of. */
export const keepCopy = ({ message, recipient }: MailEvent, copy: Buffer): Statement => ({
  sql: `INSERT INTO returned (message, seq, copy, recipient)
    SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3 FROM returned WHERE message = ?1`,
  params: [message, copy, subjectKey(recipient)],
});

/** Removes strays of before. */
export const dropStrays = (before: Instant): Statement => ({ sql: 'DELETE FROM stray WHERE at < ?', params: [before] });

export class SqliteReturned implements ReturnedMail {
  readonly #database: Database;

  /** The database must have `RETURN_TABLES` and `STRAY_TABLES` among its migrations. */
  constructor(database: Database) {
    this.#database = database;
  }

  async shelve({ tenant, recipient, at, host, report, copy }: Stray): Promise<'kept' | 'full'> {
    const [row] = await this.#database.read('SELECT count(*) AS count FROM stray WHERE tenant = ?', [tenant]);
    if (Number(row?.['count']) >= MOST_STRAYS) return 'full';
    const sql = 'INSERT INTO stray (tenant, recipient, at, host, report, copy) VALUES (?, ?, ?, ?, ?, ?)';
    const params = [tenant, recipient.toLowerCase(), at, host, report, copy];
    await this.#database.write([{ sql, params }]);
    return 'kept';
  }

  async strays(recipient: string): Promise<readonly Stray[]> {
    const sql = 'SELECT * FROM stray WHERE recipient = ? ORDER BY seq';
    const rows = await this.#database.read(sql, [recipient.toLowerCase()]);
    return rows.map((row) => ({
      tenant: String(row['tenant']),
      recipient: String(row['recipient']),
      at: Number(row['at']),
      host: String(row['host']),
      report: REPORT_KINDS.find((it) => it === row['report']) ?? 'other',
      copy: Buffer.from(row['copy'] as Uint8Array),
    }));
  }

  async copies(message: MessageId): Promise<readonly Buffer[]> {
    const rows = await this.#database.read('SELECT copy FROM returned WHERE message = ? ORDER BY seq', [message]);
    return rows.map((row) => Buffer.from(row['copy'] as Uint8Array));
  }

  async messagesFor(recipient: string, most: number): Promise<readonly MessageId[]> {
    const sql = 'SELECT DISTINCT message FROM returned WHERE recipient = ? ORDER BY message DESC LIMIT ?';
    const rows = await this.#database.read(sql, [subjectKey(recipient), most]);
    return rows.map((row) => String(row['message']));
  }
}
