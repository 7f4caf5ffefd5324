import { expect, test } from 'vitest';
import { tableLines } from './table.ts';

test('columns are as wide as their widest cell, and nothing steers a terminal', () => {
  expect(
    tableLines([
      ['depth', 'who'],
      ['7', 'a long name\u001b[2J'],
      ['12345678', ''],
    ]),
  ).toEqual(['depth     who', '7         a long name\u{fffd}[2J', '12345678']);
  expect(tableLines([])).toEqual([]);
});
