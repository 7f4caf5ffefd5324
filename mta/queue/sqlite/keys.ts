/**
 * What was put once: a key for each, with the message it became. SQL only; no state.
 *
 * A key is written in the transaction of its message, so that neither is there without the other. What has been
 * forgotten goes a few rows at a time, with keys that come.
 */
import type { Row, Statement } from '#lib/sqlite/protocol.ts';
import type { Instant } from '#lib/run/clock.ts';
import type { MessageId } from '../../mail/message.ts';
import type { Once, PutOnce } from '../queue.ts';

export const KEY_TABLES = `
  CREATE TABLE put_once (key TEXT PRIMARY KEY, hash TEXT NOT NULL, message TEXT NOT NULL, until INTEGER NOT NULL)
  WITHOUT ROWID;
  CREATE INDEX put_once_until ON put_once (until)`;

export const KEY_NOTES = "ALTER TABLE put_once ADD COLUMN note TEXT NOT NULL DEFAULT ''";

type Key = Pick<Once, 'key' | 'hash'>;

/** Has a row while the key is taken. */
export const findKey = ({ key }: Key, now: Instant): Statement => ({
  sql: 'SELECT hash, message, note FROM put_once WHERE key = ? AND until > ?',
  params: [key, now],
});

/** What the row of a key says of what was asked under it. */
export const takenBy = (row: Row, { hash }: Key): PutOnce =>
  row['hash'] === hash
    ? { kind: 'known', id: String(row['message']), note: String(row['note']) }
    : { kind: 'conflict' };

export const writeKey = ({ key, hash, until, note }: Once, message: MessageId, now: Instant): Statement[] => [
  {
    sql: `DELETE FROM put_once WHERE key = ?1 AND until <= ?2
      OR key IN (SELECT key FROM put_once WHERE until <= ?2 ORDER BY until LIMIT 10)`,
    params: [key, now],
  },
  { sql: 'INSERT INTO put_once VALUES (?, ?, ?, ?, ?)', params: [key, hash, message, until, note] },
];
