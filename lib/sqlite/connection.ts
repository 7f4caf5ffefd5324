/**
 * One SQLite connection, synchronous, opened for durability, or as scratch. The only file that imports `node:sqlite`.
 *
 * WAL with `synchronous=FULL`: a commit returns after the fsync that covers it. `locking_mode=EXCLUSIVE`: a second
 * process that opens the same file fails, and no shared-memory file is needed. Runs in `thread.ts` in production.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { OpenOptions, Row, SqlProblem, Statement, Undone, Unit } from './protocol.ts';

/** Small pages keep small commits small: measured, 16 KiB pages cost a commit of three messages a third more. */
const PAGE_BYTES = 4096;
/** 64 MiB of write-ahead log before its pages move into the file. */
const CHECKPOINT_PAGES = 16_384;
const CACHE_KIB = 32_768;
const SCRATCH_CACHE_KIB = 8192;

const DURABLE = `
  PRAGMA page_size=${PAGE_BYTES}; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
  PRAGMA wal_autocheckpoint=${CHECKPOINT_PAGES}; PRAGMA cache_size=-${CACHE_KIB}; PRAGMA temp_store=MEMORY;
  BEGIN EXCLUSIVE; COMMIT`;

/** What failed is still undone: from memory. */
const SCRATCH = `
  PRAGMA page_size=${PAGE_BYTES}; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;
  PRAGMA cache_size=-${SCRATCH_CACHE_KIB}`;

export class Connection {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(options: OpenOptions) {
    this.#database = new DatabaseSync(options.path, { timeout: 0 });
    this.#database.exec(options.isScratch ? SCRATCH : DURABLE);
    this.#migrate(options.migrations);
  }

  /**
   * Durable on return, each unit wholly or not at all. All share one transaction; if that fails, each has its own, so
   * that one bad unit, or a disk with room for deletions only, does not fail the rest. Answers how each ended, nothing
   * for those carried out.
   */
  write(units: readonly Unit[]): (Undone | undefined)[] {
    try {
      return this.#transact(units);
    } catch (thrown) {
      return units.length === 1 ? [{ problem: problemOf(thrown) }] : units.map((unit) => this.write([unit])[0]);
    }
  }

  #transact(units: readonly Unit[]): (Undone | undefined)[] {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const ends = units.map((unit) => this.#carryOut(unit));
      this.#database.exec('COMMIT');
      return ends;
    } catch (thrown) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw thrown;
    }
  }

  #carryOut({ unless, statements }: Unit): Undone | undefined {
    const [found] = unless ? this.read(unless) : [];
    if (found) return { found };
    for (const { sql, params } of statements) this.#statement(sql).run(...params);
    return undefined;
  }

  read({ sql, params }: Statement): Row[] {
    return this.#statement(sql).all(...params) as Row[];
  }

  close(): void {
    this.#database.close();
  }

  #statement(sql: string): StatementSync {
    const known = this.#prepared.get(sql);
    if (known) return known;
    const prepared = this.#database.prepare(sql);
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  #migrate(migrations: readonly string[]): void {
    const [row] = this.read({ sql: 'PRAGMA user_version', params: [] });
    const done = Number(row?.['user_version'] ?? 0);
    if (done > migrations.length) {
      throw new Error(`this data was written by a newer version (format ${done}, known up to ${migrations.length})`);
    }
    for (const [at, sql] of migrations.entries()) {
      if (at >= done) this.#database.exec(`BEGIN; ${sql}; PRAGMA user_version=${at + 1}; COMMIT`);
    }
  }
}

/** SQLite's own code and words, fit to cross a thread. */
export function problemOf(thrown: unknown): SqlProblem {
  const code: unknown = thrown instanceof Error && 'errcode' in thrown ? thrown.errcode : undefined;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: typeof code === 'number' ? code & 0xff : 0, message };
}
