/**
 * The attack table in `docs/reliability.md`: every id of the catalogue has a row, every row a test or a reason, and
 * every file it names a test with that id.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(ROOT, 'docs/reliability.md'), 'utf8');

const range = (letter: string, last: number): string[] =>
  Array.from({ length: last }, (_, at) => `${letter}${String(at + 1).padStart(2, '0')}`);
const CATALOGUE = [...range('A', 22), ...range('B', 10)];

interface Row {
  readonly id: string;
  readonly where: string;
}

/** Rows that begin with an id: `| A01 | attack | answer | where |`. */
const rows: readonly Row[] = [...page.matchAll(/^\| ([AB]\d\d) \|(.*)\|$/gm)].map(([, id = '', rest = '']) => ({
  id,
  where: rest.split('|').at(-1)?.trim() ?? '',
}));

const walk = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((it) =>
    it.isDirectory()
      ? walk(join(folder, it.name))
      : /\.(test|contract)\.ts$/.test(it.name)
        ? [join(folder, it.name)]
        : [],
  );

/** Ids that begin the name of a test, of a group of them, or of a row in a table of them. */
const idsIn = (file: string): Set<string> => {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const names = text.matchAll(/[([]\s*['"`]([AB]\d\d)[ :]/g);
  return new Set([...names].map(([, id = '']) => id));
};

const tested = new Map(['crds', 'lib', 'mta', 'test'].flatMap(walk).map((file) => [file, idsIn(file)]));
const filesOf = (where: string): string[] =>
  [...where.matchAll(/`((?:crds|lib|mta|test)\/[^`]+)`/g)].map(([, it = '']) => it);

test('every id of the catalogue has one row', () => {
  expect(rows.map((it) => it.id)).toEqual(CATALOGUE);
});

describe.each(rows)('$id', ({ id, where }) => {
  test('stands with a test or a reason', () => {
    expect(where).toMatch(/^Reason: .{20}|`/);
  });

  test('begins the name of a test in every file that its row names', () => {
    const without = filesOf(where).filter((file) => !existsSync(join(ROOT, file)) || !tested.get(file)?.has(id));
    expect(without).toEqual([]);
  });
});
