/**
 * Suppressions on SQLite: a row each, and in memory a filter for each tenant that has any.
 *
 * A look-up asks the file only where the filter says "maybe", so mail to those who are not suppressed costs no read, and
 * memory is two bytes an entry. Filters are filled when the file is opened: about a second for a million entries.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';
import { hours } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Row, Statement } from '#lib/sqlite/protocol.ts';
import { keysOf, subjectKey, type Suppression } from '../../suppression.ts';
import { Filter } from './filter.ts';
import type { Page, Suppressions } from './suppressions.ts';

export const SUPPRESSION_TABLES = `
  CREATE TABLE suppression (
    tenant TEXT NOT NULL, key TEXT NOT NULL, subject TEXT NOT NULL, reason TEXT NOT NULL, source TEXT NOT NULL,
    created INTEGER NOT NULL, expires INTEGER, PRIMARY KEY (tenant, key)) WITHOUT ROWID;
  CREATE INDEX suppression_expires ON suppression (expires) WHERE expires IS NOT NULL`;

/** Rows written at a time, so that a long list never holds the file for long. */
const SLICE = 500;
/** Keys read at a time when filters are filled. */
const KEYS_READ = 20_000;
/** What has expired stays that long on disk, so that a clock that is ahead for a moment erases nothing. */
const GRACE: Duration = hours(24);

const COLUMNS = 'subject, reason, source, created, expires';
/** Parameter: now. */
const COUNTS = '(expires IS NULL OR expires > ?)';

const INSERT = `
  INSERT INTO suppression
  SELECT ?1, value ->> 'key', value ->> 'subject', value ->> 'reason', value ->> 'source', value ->> 'createdAt',
    value ->> 'expiresAt' FROM json_each(?2) WHERE true
  ON CONFLICT (tenant, key) DO UPDATE SET subject = excluded.subject, reason = excluded.reason,
    source = excluded.source, created = excluded.created, expires = excluded.expires`;
const LASTS_LONGER = `
  WHERE suppression.expires <= ?3 OR coalesce(excluded.expires, 9e15) > coalesce(suppression.expires, 9e15)`;

export class SqliteSuppressions implements Suppressions {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #filters = new Map<string, Filter>();

  private constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  /** The database must have `SUPPRESSION_TABLES` among its migrations. */
  static async open(database: Database, clock: Clock): Promise<SqliteSuppressions> {
    const suppressions = new SqliteSuppressions(database, clock);
    const tenants = await database.read('SELECT tenant, count(*) AS count FROM suppression GROUP BY tenant');
    for (const { tenant, count } of tenants) await suppressions.#fill(String(tenant), Number(count));
    return suppressions;
  }

  async suppress(tenant: string, entries: readonly Suppression[]): Promise<void> {
    for (let at = 0; at < entries.length; at += SLICE) {
      const slice = this.#rows(tenant, entries.slice(at, at + SLICE));
      await this.#database.write([{ sql: `${INSERT} ${LASTS_LONGER}`, params: [tenant, slice, this.#clock.now()] }]);
    }
  }

  async replace(tenant: string, entry: Suppression): Promise<void> {
    await this.#database.write([{ sql: INSERT, params: [tenant, this.#rows(tenant, [entry])] }]);
  }

  async unsuppress(tenant: string, subject: string): Promise<Suppression | undefined> {
    const entry = await this.find(tenant, subject);
    const sql = 'DELETE FROM suppression WHERE tenant = ? AND key = ?';
    if (entry) await this.#database.write([{ sql, params: [tenant, subjectKey(subject)] }]);
    return entry;
  }

  async find(tenant: string, subject: string): Promise<Suppression | undefined> {
    const sql = `SELECT ${COLUMNS} FROM suppression WHERE tenant = ? AND key = ? AND ${COUNTS}`;
    const [row] = await this.#database.read(sql, [tenant, subjectKey(subject), this.#clock.now()]);
    return row && suppressionOf(row);
  }

  async list(tenant: string, { after = '', limit }: Page): Promise<readonly Suppression[]> {
    const sql = `SELECT ${COLUMNS} FROM suppression WHERE tenant = ? AND key > ? AND ${COUNTS} ORDER BY key LIMIT ?`;
    const rows = await this.#database.read(sql, [tenant, after, this.#clock.now(), limit]);
    return rows.map(suppressionOf);
  }

  match(tenant: string, recipient: string): undefined | Promise<Suppression | undefined> {
    const filter = this.#filters.get(tenant);
    if (!filter) return undefined;
    const [address, domain] = keysOf(recipient);
    return filter.mayHold(address) || filter.mayHold(domain) ? this.#match(tenant, address, domain) : undefined;
  }

  /** Removes some of what expired long ago. */
  async prune(): Promise<void> {
    const before = this.#clock.now() - GRACE;
    const old = 'SELECT tenant, key FROM suppression WHERE expires <= ? LIMIT ?';
    const [any] = await this.#database.read(old, [before, 1]);
    if (any) await this.#database.write([pruned(old, before)]);
  }

  async #match(tenant: string, address: string, domain: string): Promise<Suppression | undefined> {
    const sql = `
      SELECT ${COLUMNS} FROM suppression WHERE tenant = ? AND key IN (?, ?) AND ${COUNTS} ORDER BY key = ? LIMIT 1`;
    const [row] = await this.#database.read(sql, [tenant, address, domain, this.#clock.now(), domain]);
    return row && suppressionOf(row);
  }

  async #fill(tenant: string, count: number): Promise<void> {
    const filter = this.#filterOf(tenant, count);
    const page = 'SELECT key FROM suppression WHERE tenant = ? AND key > ? ORDER BY key LIMIT ?';
    const sql = `SELECT max(key) AS last, json_group_array(key) AS keys FROM (${page})`;
    for (let after: string | undefined = ''; after !== undefined;) {
      const [row] = await this.#database.read(sql, [tenant, after, KEYS_READ]);
      for (const key of JSON.parse(String(row?.['keys'])) as string[]) filter.add(key);
      after = typeof row?.['last'] === 'string' ? row['last'] : undefined;
    }
  }

  #filterOf(tenant: string, expected = 0): Filter {
    const filter = this.#filters.get(tenant) ?? new Filter(expected);
    this.#filters.set(tenant, filter);
    return filter;
  }

  /** What is written is in the filter before it can be on disk. */
  #rows(tenant: string, entries: readonly Suppression[]): string {
    const filter = this.#filterOf(tenant);
    const rows = entries.map((it) => ({ ...it, key: subjectKey(it.subject) }));
    for (const { key } of rows) filter.add(key);
    return JSON.stringify(rows);
  }
}

const pruned = (old: string, before: number): Statement => ({
  sql: `DELETE FROM suppression WHERE (tenant, key) IN (${old})`,
  params: [before, SLICE],
});

const suppressionOf = ({ subject, reason, source, created, expires }: Row): Suppression => ({
  subject: String(subject),
  reason: String(reason) as Suppression['reason'],
  source: String(source),
  createdAt: Number(created),
  ...(expires !== null && { expiresAt: Number(expires) }),
});
