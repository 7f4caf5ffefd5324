/**
 * The claims of a process, kept in its database: who claimed which domain when, and how its latch stands.
 *
 * A write is durable when it resolves, and writing the same again is harmless. A latch that cannot be read counts as
 * not verified: the next look at DNS says how it is.
 */
import type { Database } from '#lib/sqlite/database.ts';
import type { Row } from '#lib/sqlite/protocol.ts';
import type { Claim } from './claim.ts';
import type { Latch } from './latch.ts';

export const CLAIM_TABLES = `
  CREATE TABLE claim (resource TEXT PRIMARY KEY, domain TEXT NOT NULL, claimed_at INTEGER NOT NULL, latch TEXT NOT NULL)
  WITHOUT ROWID`;

export interface ClaimStore {
  load(): Promise<readonly Claim[]>;
  save(claim: Claim): Promise<void>;
  forget(resource: string): Promise<void>;
}

/** On a database that has `CLAIM_TABLES` among its migrations. */
export const claimStore = (database: Database): ClaimStore => ({
  load: async () => (await database.read('SELECT * FROM claim')).map(claimOf),
  save: ({ resource, domain, claimedAt, latch }) =>
    database.write([
      {
        sql: 'INSERT OR REPLACE INTO claim (resource, domain, claimed_at, latch) VALUES (?, ?, ?, ?)',
        params: [resource, domain, claimedAt, JSON.stringify(latch)],
      },
    ]),
  forget: (resource) => database.write([{ sql: 'DELETE FROM claim WHERE resource = ?', params: [resource] }]),
});

const claimOf = (row: Row): Claim => ({
  resource: String(row['resource']),
  domain: String(row['domain']),
  claimedAt: Number(row['claimed_at']),
  latch: latchOf(String(row['latch'])),
});

function latchOf(text: string): Latch {
  try {
    return JSON.parse(text) as Latch;
  } catch {
    return {};
  }
}
