/**
 * What the main thread and the database thread say to each other. Types only.
 */

/** What a column or a parameter holds. */
export type SqlValue = string | number | null | Uint8Array;

/** One SQL statement with its parameters, in order. */
export interface Statement {
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

export type Row = Readonly<Record<string, SqlValue>>;

/** `write`: units, each all or nothing, sharing one commit. `read`: rows of one query. `close`: flush and end. */
export type Request =
  | { readonly kind: 'write'; readonly units: readonly (readonly Statement[])[] }
  | { readonly kind: 'read'; readonly id: number; readonly query: Statement }
  | { readonly kind: 'close' };

/** `problem` is absent on success; `code` is SQLite's primary result code (13 is a full disk). */
export interface SqlProblem {
  readonly code: number;
  readonly message: string;
}

export type Response =
  | { readonly kind: 'opened'; readonly problem?: SqlProblem }
  | { readonly kind: 'written'; readonly problems: readonly (SqlProblem | undefined)[] }
  | { readonly kind: 'rows'; readonly id: number; readonly rows: readonly Row[]; readonly problem?: SqlProblem }
  | { readonly kind: 'closed' };

/** What the thread is started with. */
export interface OpenOptions {
  readonly path: string;
  /** Run once per file, in order; a file remembers how many it has had (`user_version`). */
  readonly migrations: readonly string[];
}
