import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CsvRow, csvRow, readCsv } from './csv.ts';

async function read(text: string | Buffer): Promise<CsvRow[]> {
  const rows: CsvRow[] = [];
  for await (const row of readCsv(Buffer.from(text))) rows.push(row);
  return rows;
}
const cellsOf = async (text: string | Buffer): Promise<unknown[]> =>
  (await read(text)).map((it) => (it.kind === 'row' ? it.cells : it));

describe('CSV is read', () => {
  test.each([
    [
      'with either line end, with and without the last one',
      'a,b\r\nc,d\ne,f',
      [
        ['a', 'b'],
        ['c', 'd'],
        ['e', 'f'],
      ],
    ],
    ['with quotes, and commas and line ends in them', '"a,""b""","c\r\nd"\n', [['a,"b"', 'c\r\nd']]],
    ['with a byte order mark', '\ufeffa,b\n', [['a', 'b']]],
    [
      'with spaces around and empty lines between',
      ' a , b \n\n\r\nc,d\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['with letters of every kind', 'ä,李\n', [['ä', '李']]],
    ['when it is empty', '', []],
  ])('%s', async (_, text, rows) => {
    expect(await cellsOf(text)).toEqual(rows);
  });

  test('and each row says where it ends', async () => {
    expect((await read('a\n"b\nc"\n\nd\n')).map((it) => it.line)).toEqual([1, 3, 5]);
  });

  test.each([
    ['too many columns', 'a,b\nc,d,e\nf,g\n', 2, 'more or fewer columns'],
    ['too few columns', 'a,b\nc\nf,g\n', 2, 'more or fewer columns'],
    ['a quote in the middle', 'a,b\nc"d,e\nf,g\n', 2, 'a quote stands in the middle'],
  ])('on, after a row with %s', async (_, text, line, problem) => {
    const rows = await read(text);
    expect(rows.filter((it) => it.kind === 'problem')).toEqual([
      { kind: 'problem', line, problem: expect.stringContaining(problem) },
    ]);
    expect(rows.flatMap((it) => (it.kind === 'row' ? [it.cells] : []))).toEqual([
      ['a', 'b'],
      ['f', 'g'],
    ]);
  });

  test.each([
    ['a quote that is not closed', Buffer.from('a,b\n"c,d\n'), 'not closed'],
    ['bytes that are not UTF-8', Buffer.from('a,\xe4\n', 'latin1'), 'not UTF-8'],
  ])('up to %s', async (_, bytes, problem) => {
    expect((await read(bytes)).at(-1)).toMatchObject({ kind: 'problem', problem: expect.stringContaining(problem) });
  });

  test('whatever it is, without throwing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ') }), async (text) => {
        expect((await read(text)).length).toBeLessThanOrEqual(text.length);
      }),
    );
  });
});

test('what was written is read again as it was', async () => {
  const cell = fc.string({ minLength: 1 }).filter((it) => it.trim() === it && !it.startsWith('\ufeff'));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(cell, { minLength: 2, maxLength: 2 }), { maxLength: 5 }), async (rows) => {
      expect(await cellsOf(rows.map(csvRow).join(''))).toEqual(rows);
    }),
  );
});

test('others have their turn while a long list is read', async () => {
  let turns = 0;
  const count = (): void => {
    turns += 1;
    if (turns < 1000) setImmediate(count);
  };
  setImmediate(count);
  await read(Buffer.alloc(1_000_000, 'someone@example.com\n'));
  expect(turns).toBeGreaterThan(20);
});
