import { expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { openTestStorage } from '../../../test/harness/queue.ts';
import { Lanes } from './lanes.ts';
import { readStock } from './stock.ts';
import { SUSPENDED, WAITING } from './tables.ts';

const storage = openTestStorage();

/** Rows of the queue as they are in the file, more than fit on a page. */
const COUNT = 4500;

test('every lane is found, whatever number of them: its depth, suspended ones included, and its first due time', async () => {
  const clock = new FakeClock();
  const { database } = await storage(clock);
  const now = clock.now();
  const insert = 'INSERT INTO entry (no, lane, due, attempts, state) VALUES (?, ?, ?, 0, ?)';
  const rows = Array.from({ length: COUNT }, (_, at) => [
    { sql: insert, params: [at * 3, `t p d${at}.test`, now + at, WAITING] },
    { sql: insert, params: [at * 3 + 1, `t p d${at}.test`, now + at + 1, WAITING] },
    { sql: insert, params: [at * 3 + 2, `t p ${at % 2 === 0 ? 'd' : 'other'}${at}.test`, now, SUSPENDED] },
  ]).flat();
  await database.write(rows);
  const lanes = new Lanes(clock);
  await readStock(database, lanes);
  const depths = new Map(lanes.depths().map(({ lane, depth }) => [lane, depth]));
  expect(depths.size).toBe(COUNT * 1.5);
  expect(depths.get('t p d0.test')).toBe(3);
  expect(depths.get('t p d4499.test')).toBe(2);
  expect(depths.get('t p other4499.test')).toBe(1);
  const told: string[] = [];
  lanes.watch((lane) => told.push(lane));
  expect(told).toEqual(['t p d0.test']);
  clock.advance(1);
  expect(told).toEqual(['t p d0.test', 't p d1.test']);
}, 30_000);
