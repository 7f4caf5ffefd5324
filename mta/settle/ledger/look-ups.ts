/**
 * Look-ups of suppressions that share reads: those asked for at the same time become one query.
 *
 * Somebody who hands in a thousand suppressed recipients at once costs a few reads, between which others have their turn.
 */
import type { Clock } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import { keysOf, type Suppression } from '../../mail/suppression.ts';
import { COLUMNS, suppressionOf } from './suppression-rows.ts';

interface Asked {
  readonly tenant: string;
  readonly keys: readonly [address: string, domain: string];
  readonly resolve: (found: Suppression | undefined) => void;
  readonly reject: (thrown: unknown) => void;
}

/** Recipients in one query. */
const MOST = 500;

const MATCH = `
  SELECT s.tenant, s.key, ${COLUMNS} FROM json_each(?1) asked
  JOIN suppression s ON s.tenant = asked.value ->> 0 AND s.key IN (asked.value ->> 1, asked.value ->> 2)
  WHERE s.expires IS NULL OR s.expires > ?2`;

export class LookUps {
  readonly #database: Database;
  readonly #clock: Clock;
  #asked: Asked[] = [];
  #isReading = false;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  /** The entry of a recipient, else that of its domain. */
  find(tenant: string, recipient: string): Promise<Suppression | undefined> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ tenant, keys: keysOf(recipient), resolve, reject });
      if (!this.#isReading) queueMicrotask(() => void this.#readAll());
      this.#isReading = true;
    });
  }

  async #readAll(): Promise<void> {
    while (this.#asked.length > 0) await this.#read(this.#asked.splice(0, MOST));
    this.#isReading = false;
  }

  async #read(asked: readonly Asked[]): Promise<void> {
    try {
      const all = JSON.stringify(asked.map(({ tenant, keys }) => [tenant, ...keys]));
      const rows = await this.#database.read(MATCH, [all, this.#clock.now()]);
      const found = new Map(rows.map((row) => [`${String(row['tenant'])} ${String(row['key'])}`, suppressionOf(row)]));
      for (const { tenant, keys, resolve } of asked)
        resolve(found.get(`${tenant} ${keys[0]}`) ?? found.get(`${tenant} ${keys[1]}`));
    } catch (thrown) {
      for (const { reject } of asked) reject(thrown);
    }
  }
}
