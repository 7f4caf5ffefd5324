/**
 * What is in the file when it is opened: every lane, its depth and when it is first due.
 *
 * Read a page at a time: a queue with a backlog has hundreds of thousands of lanes, and all of their rows at once would be
 * more memory than the queue keeps of them, in two threads.
 */
import type { Database } from '#lib/sqlite/database.ts';
import type { Lanes } from './lanes.ts';
import { SUSPENDED_LANES, WAITING_LANES } from './tables.ts';

/** Rows of a page. */
const PAGE = 2000;

export async function readStock(database: Database, lanes: Lanes): Promise<void> {
  for (const sql of [WAITING_LANES, SUSPENDED_LANES]) await readAll(database, sql, lanes);
}

type LaneRow = readonly [lane: string, depth: number, due: number | null];

async function readAll(database: Database, sql: string, lanes: Lanes): Promise<void> {
  for (let last: string | undefined = ''; last !== undefined;) {
    const [page] = await database.read(sql, [last, PAGE]);
    const rows = JSON.parse(String(page?.['lanes'])) as readonly LaneRow[];
    for (const [lane, depth, due] of rows) lanes.arrive(lane, depth, due ?? Infinity);
    last = rows.length < PAGE ? undefined : rows.at(-1)?.[0];
  }
}
