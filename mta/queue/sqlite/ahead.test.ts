import { expect, test } from 'vitest';
import type { Row } from '#lib/sqlite/protocol.ts';
import { Ahead, AHEAD, sliceOf } from './ahead.ts';

const LANE = 'tenant pools/main dest.test';

const row = (no: number, due = 0): Row => ({ no, due });
const rows = (...numbers: readonly number[]): Row[] => numbers.map((no) => row(no));

test.each<[string, readonly number[], number, number]>([
  ['nothing waits', [], 0, Infinity],
  ['all is due', [1, 5], 2, Infinity],
  ['the last is due later', [1, 5, 6], 2, 6],
  ['nothing is due yet', [6, 7], 0, 6],
  ['more is due than is read ahead', Array.from({ length: AHEAD + 1 }, () => 4), AHEAD, 4],
])('a slice at 5 has what is due, and says when the next is: %s', (_, dues, length, next) => {
  const read = dues.map((due, no) => row(no, due));
  expect(sliceOf(read, 5)).toEqual({ rows: read.slice(0, length), next });
});

test('what is not taken of a slice is kept for the next, until nothing is left', () => {
  const ahead = new Ahead();
  const slice = { rows: rows(1, 2, 3), next: 9 };
  expect(ahead.take(LANE, slice, 2)).toEqual(rows(1, 2));
  expect([ahead.lanes(), ahead.get(LANE)]).toEqual([[LANE], { rows: rows(3), next: 9 }]);
  expect(ahead.take(LANE, slice, 2)).toEqual(rows(3));
  expect([ahead.lanes(), ahead.get(LANE)]).toEqual([[], undefined]);
});

test('what somebody took past a slice is not in it, and who took the last of it is told', () => {
  const ahead = new Ahead();
  expect(ahead.passed(LANE, rows(1))).toBeUndefined();
  ahead.take(LANE, { rows: rows(1, 2, 3), next: 9 }, 1);
  expect(ahead.passed(LANE, rows(3, 4))).toBeUndefined();
  expect(ahead.get(LANE)).toEqual({ rows: rows(2), next: 9 });
  expect(ahead.passed(LANE, rows(2))).toMatchObject({ next: 9 });
  expect(ahead.get(LANE)).toBeUndefined();
});

test('a slice that was forgotten is not there', () => {
  const ahead = new Ahead();
  ahead.take(LANE, { rows: rows(1, 2), next: 9 }, 1);
  expect([ahead.forget('other'), ahead.forget(LANE), ahead.forget(LANE)]).toEqual([false, true, false]);
  expect(ahead.get(LANE)).toBeUndefined();
});
