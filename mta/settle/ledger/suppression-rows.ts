/**
 * How a suppression lies in SQLite. SQL and its reading only; no state.
 */
import type { Row } from '#lib/sqlite/protocol.ts';
import type { Suppression } from '../../mail/suppression.ts';

/** `key`: what all ways of writing the subject have in common. */
export const SUPPRESSION_TABLES = `
  CREATE TABLE suppression (
    tenant TEXT NOT NULL, key TEXT NOT NULL, subject TEXT NOT NULL, reason TEXT NOT NULL, source TEXT NOT NULL,
    created INTEGER NOT NULL, expires INTEGER, PRIMARY KEY (tenant, key)) WITHOUT ROWID;
  CREATE INDEX suppression_expires ON suppression (expires) WHERE expires IS NOT NULL`;

export const COLUMNS = 'subject, reason, source, created, expires';

/** Parameters: tenant, rows (a JSON list). */
export const INSERT = `
  INSERT INTO suppression
  SELECT ?1, value ->> 'key', value ->> 'subject', value ->> 'reason', value ->> 'source', value ->> 'createdAt',
    value ->> 'expiresAt' FROM json_each(?2) WHERE true
  ON CONFLICT (tenant, key) DO UPDATE SET subject = excluded.subject, reason = excluded.reason,
    source = excluded.source, created = excluded.created, expires = excluded.expires`;

/** One more parameter: now. */
export const INSERT_LONGER = `${INSERT}
  WHERE suppression.expires <= ?3 OR coalesce(excluded.expires, 9e15) > coalesce(suppression.expires, 9e15)`;

export const suppressionOf = ({ subject, reason, source, created, expires }: Row): Suppression => ({
  subject: String(subject),
  reason: String(reason) as Suppression['reason'],
  source: String(source),
  createdAt: Number(created),
  ...(expires !== null && { expiresAt: Number(expires) }),
});
