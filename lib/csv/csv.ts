/**
 * CSV (RFC 4180) as rows of text, read and written. The only file that imports csv-parse and csv-stringify.
 *
 * Reading is bounded by the bytes it is given, gives way to the event loop between slices of them, and never throws: a
 * row that cannot be read is told with its line, and the rows after it are read on. What columns mean is the caller's.
 */
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { stringify } from 'csv-stringify/sync';

export type CsvRow =
  | { readonly kind: 'row'; readonly line: number; readonly cells: readonly string[] }
  | { readonly kind: 'problem'; readonly line: number; readonly problem: string };

/** What no meaning hangs on. */
const LENIENT = { bom: true, trim: true, skip_empty_lines: true, record_delimiter: ['\r\n', '\n', '\r'] };

/** What is read before others have their turn. */
const SLICE = 32_768;

/** Rows in their order, problems as soon as they are met; `line` is where each ends, from 1. Empty lines are passed over. */
export async function* readCsv(bytes: Buffer): AsyncGenerator<CsvRow> {
  if (!isUtf8(bytes)) {
    yield { kind: 'problem', line: 1, problem: 'the text is not UTF-8' };
    return;
  }
  const wrong: CsvRow[] = [];
  const parser = parse({ ...LENIENT, info: true, skip_records_with_error: true });
  parser.on('skip', (error) => void wrong.push(rowOf(error)));
  try {
    for await (const { record, info } of Readable.from(slices(bytes)).pipe(parser) as AsyncIterable<Parsed>) {
      yield* wrong.splice(0);
      yield { kind: 'row', line: info.lines, cells: record };
    }
  } catch (thrown) {
    wrong.push(rowOf(thrown));
  }
  yield* wrong;
}

/** One row, with its line end. */
export const csvRow = (cells: readonly string[]): string => stringify([cells], { record_delimiter: '\r\n' });

interface Parsed {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

async function* slices(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += SLICE) {
    yield bytes.subarray(at, at + SLICE);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function rowOf(error: unknown): CsvRow {
  if (!(error instanceof CsvError)) throw error;
  const line: unknown = error['lines'];
  const problem = PROBLEMS[error.code] ?? 'the row cannot be read';
  return { kind: 'problem', line: typeof line === 'number' ? line : 1, problem };
}

/** In our words: the library's repeat the text. */
const PROBLEMS: Readonly<Record<string, string>> = {
  CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: 'the row has more or fewer columns than the first one',
  CSV_QUOTE_NOT_CLOSED: 'a quote is not closed',
  INVALID_OPENING_QUOTE: 'a quote stands in the middle of a value: quote the whole value, and double quotes in it',
  CSV_INVALID_CLOSING_QUOTE: 'something stands after the closing quote of a value',
};
