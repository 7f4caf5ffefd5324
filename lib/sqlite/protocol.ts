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

/** Carried out wholly or not at all. */
export interface Unit {
  readonly statements: readonly Statement[];
  /** Asked within the same transaction: nothing is carried out when it has a row. */
  readonly unless?: Statement;
}

/** Units as they cross to the thread (`packing.ts`). */
export interface Packed {
  /** SQL that has not crossed before, in the order of its numbers. */
  readonly texts: readonly string[];
  /** For each unit: 1 if it has an `unless`, which then comes first; how many statements; what each is. */
  readonly cells: readonly (string | number | null | undefined)[];
  /** What `undefined` stands for among the parameters: bytes, in order, as many as the cell after it says. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** `write`: units that share one commit. `read`: rows of one query. `close`: flush and end. */
export type Request =
  | { readonly kind: 'write'; readonly packed: Packed }
  | { readonly kind: 'read'; readonly id: number; readonly query: Statement }
  | { readonly kind: 'close' };

/** `problem` is absent on success; `code` is SQLite's primary result code (13 is a full disk). */
export interface SqlProblem {
  readonly code: number;
  readonly message: string;
}

/** How a unit ended that was not carried out: its fault, or the row that kept it from it. */
export type Undone = { readonly problem: SqlProblem } | { readonly found: Row };

export type Response =
  | { readonly kind: 'opened'; readonly problem?: SqlProblem }
  | { readonly kind: 'written'; readonly ends: readonly (Undone | undefined)[] }
  | { readonly kind: 'rows'; readonly id: number; readonly rows: readonly Row[]; readonly problem?: SqlProblem }
  | { readonly kind: 'closed' };

/** What the thread is started with. */
export interface OpenOptions {
  /** '' is a file without a name, gone when it is closed. */
  readonly path: string;
  /** What it holds can be made anew: nothing is synced, and little memory is spent on it. */
  readonly isScratch?: true;
  /** Run once per file, in order; a file remembers how many it has had (`user_version`). */
  readonly migrations: readonly string[];
}
