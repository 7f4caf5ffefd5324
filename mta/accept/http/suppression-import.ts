/**
 * A list of suppressions in CSV → entries, or every row that is wrong, with its line. All of it or nothing.
 *
 * The first row names the columns, in any order: `address` or `domain`, `reason`, `expiresAt`. What an export has besides
 * (`source`, `createdAt`) is passed over: it says how an entry came here, and this one comes by import.
 */
import { readCsv } from '#lib/csv/csv.ts';
import type { Instant } from '#lib/run/clock.ts';
import type { Suppression } from '../../mail/suppression.ts';
import { COLUMNS, readSuppression } from './suppression-schema.ts';

/** What is wrong with one row; `line` is where it ends, from 1. */
export interface LineError {
  readonly line: number;
  readonly detail: string;
}

export type ImportReading =
  | { readonly kind: 'list'; readonly suppressions: readonly Suppression[] }
  | { readonly kind: 'invalid'; readonly errors: readonly LineError[] };

/** More errors than anybody reads at once; reading ends with them. */
const MOST_ERRORS = 100;

export async function readImport(bytes: Buffer, now: Instant): Promise<ImportReading> {
  const list = new ImportedList(now);
  for await (const row of readCsv(bytes)) {
    if (row.kind === 'problem') list.wrong(row.line, row.problem);
    else list.take(row.line, row.cells);
    if (list.isHopeless) break;
  }
  return list.reading();
}

class ImportedList {
  readonly #now: Instant;
  readonly #suppressions: Suppression[] = [];
  readonly #errors: LineError[] = [];
  #columns: readonly string[] | undefined;

  constructor(now: Instant) {
    this.#now = now;
  }

  /** Nothing more needs to be read. */
  get isHopeless(): boolean {
    return this.#errors.length >= MOST_ERRORS || this.#columns?.length === 0;
  }

  take(line: number, cells: readonly string[]): void {
    if (this.#columns) this.#entry(line, this.#columns, cells);
    else this.#header(line, cells);
  }

  wrong(line: number, detail: string): void {
    this.#errors.push({ line, detail });
  }

  reading(): ImportReading {
    if (!this.#columns && this.#errors.length === 0) this.wrong(1, SAYS_HEADER);
    return this.#errors.length > 0
      ? { kind: 'invalid', errors: this.#errors.toSorted((one, other) => one.line - other.line) }
      : { kind: 'list', suppressions: this.#suppressions };
  }

  #header(line: number, cells: readonly string[]): void {
    const isKnown = cells.every((it, at) => KNOWN.has(it) && cells.indexOf(it) === at);
    this.#columns = isKnown && (cells.includes('address') || cells.includes('domain')) ? cells : [];
    if (this.#columns.length === 0) this.wrong(line, SAYS_HEADER);
  }

  #entry(line: number, columns: readonly string[], cells: readonly string[]): void {
    const fields = columns.map((column, at) => [column, cells[at] ?? ''] as const);
    const value = Object.fromEntries(fields.filter(([column, cell]) => cell !== '' && !PASSED_OVER.has(column)));
    const reading = readSuppression(value, 'import', this.#now);
    if (reading.kind === 'suppression') this.#suppressions.push(reading.suppression);
    else for (const { pointer, detail } of reading.errors) this.wrong(line, `${pointer.slice(1)} ${detail}`.trim());
  }
}

const KNOWN: ReadonlySet<string> = new Set(COLUMNS);
const PASSED_OVER: ReadonlySet<string> = new Set(['source', 'createdAt']);
const SAYS_HEADER = `the first row must name its columns, address or domain among them; known are ${COLUMNS.join(', ')}`;
