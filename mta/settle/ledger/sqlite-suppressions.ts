/**
 * Suppressions on SQLite: a row each, and in memory a filter for each tenant that has any.
 *
 * A look-up asks the file only where the filter says "maybe", so mail to those who are not suppressed costs no read, and
 * memory is two to four bytes an entry. Filters are filled when the file is opened, in some seconds for a million.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';
import { hours } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Statement } from '#lib/sqlite/protocol.ts';
import { keysOf, subjectKey, type Suppression } from '../../mail/suppression.ts';
import { Filter } from './filter.ts';
import { LookUps } from './look-ups.ts';
import { COLUMNS, INSERT, INSERT_LONGER, suppressionOf } from './suppression-rows.ts';
import type { Page, Suppressions } from './suppressions.ts';

/** Rows written at a time, so that a long list never holds the file for long. */
const SLICE = 500;
/** Keys read at a time when filters are filled. */
const KEYS_READ = 20_000;
/** What has expired stays that long on disk, so that a clock that is ahead for a moment erases nothing. */
const GRACE: Duration = hours(24);

/** Parameter: now. */
const COUNTS = '(expires IS NULL OR expires > ?)';

export class SqliteSuppressions implements Suppressions {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #lookUps: LookUps;
  readonly #filters = new Map<string, Filter>();

  private constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
    this.#lookUps = new LookUps(database, clock);
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
      await this.#database.write([{ sql: INSERT_LONGER, params: [tenant, slice, this.#clock.now()] }]);
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
    return filter.mayHold(address) || filter.mayHold(domain) ? this.#lookUps.find(tenant, recipient) : undefined;
  }

  /** Somebody else is about to write an entry in the file: from now on a look-up looks there. */
  expect(tenant: string, key: string): void {
    this.#filterOf(tenant).add(key);
  }

  /** Removes some of what expired long ago. */
  async prune(): Promise<void> {
    const before = this.#clock.now() - GRACE;
    const old = 'SELECT tenant, key FROM suppression WHERE expires <= ? LIMIT ?';
    const [any] = await this.#database.read(old, [before, 1]);
    if (any) await this.#database.write([pruned(old, before)]);
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
