import { expect, test } from 'vitest';
import { mailDate } from './mail-date.ts';

test.each([
  [0, 'Thu, 01 Jan 1970 00:00:00 +0000'],
  [999, 'Thu, 01 Jan 1970 00:00:00 +0000'],
  [1000, 'Thu, 01 Jan 1970 00:00:01 +0000'],
  [-1, 'Wed, 31 Dec 1969 23:59:59 +0000'],
  [Date.UTC(2026, 1, 28, 23, 59, 59, 999), 'Sat, 28 Feb 2026 23:59:59 +0000'],
  [Date.UTC(2026, 0, 1, 12), 'Thu, 01 Jan 2026 12:00:00 +0000'],
  [0, 'Thu, 01 Jan 1970 00:00:00 +0000'],
])('%d is %s, whatever was asked before', (at, said) => {
  expect(mailDate(at)).toBe(said);
});
