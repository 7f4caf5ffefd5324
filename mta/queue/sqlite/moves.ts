/**
 * What operators do to the embedded queue: list, move, seize. One lane at a time, so that no lease comes in between.
 */
import type { Clock } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Row } from '#lib/sqlite/protocol.ts';
import { decodeMessage } from '../codec.ts';
import type { Change, Journal } from '../changes.ts';
import { laneName, type LaneName, type Move, parseLane, type Pending, type Selection } from '../queue.ts';
import type { Lanes } from './lanes.ts';
import type { Leases } from './leases.ts';
import {
  FREE_OF_MESSAGE,
  LIST_OF_MESSAGE,
  LIST_SUSPENDED,
  LIST_WAITING,
  MESSAGE_OF,
  SEIZE,
  SLICE_SUSPENDED,
  SLICE_WAITING,
} from './looking.ts';
import { indexOf, MOST_RECIPIENTS, SUSPENDED, WAITING } from './tables.ts';

export interface Held {
  readonly database: Database;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly lanes: Lanes;
  readonly leases: Leases;
}

/** Lanes a selection may have entries in. */
export const lanesOf = (lanes: Lanes, { tenant, pool, domain, lane: only }: Selection): LaneName[] =>
  (only === undefined ? lanes.names() : [only]).filter((name) => {
    const lane = parseLane(name);
    return [tenant, pool, domain].every(
      (it, at) => it === undefined || it === [lane.tenant, lane.pool, lane.domain][at],
    );
  });

/** Lane by lane, each by its index, so that a look at a large backlog holds nobody up. */
export async function listEntries(held: Held, selection: Selection, max: number): Promise<Pending[]> {
  const lanes = lanesOf(held.lanes, selection).toSorted((a, b) => (a < b ? -1 : 1));
  const rows = selection.message === undefined ? await rowsIn(held, lanes, max) : await rowsOf(held, selection, max);
  const leased = new Set(rows.flatMap((row) => held.leases.entriesOf(String(row['lane']))));
  const wanted = new Set(lanes);
  return rows.filter((row) => wanted.has(String(row['lane']))).map((row) => pendingOf(row, leased));
}

const rowsOf = ({ database }: Held, { message = '' }: Selection, max: number): Promise<readonly Row[]> =>
  database.read(LIST_OF_MESSAGE, [message, max]);

async function rowsIn({ database }: Held, lanes: readonly LaneName[], max: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const lane of lanes) {
    if (rows.length >= max) break;
    const left = max - rows.length;
    const read = [LIST_WAITING, LIST_SUSPENDED].map(async (sql) => database.read(sql, [lane, left]));
    const found = (await Promise.all(read)).flat();
    rows.push(...found.toSorted((a, b) => Number(a['due']) - Number(b['due'])).slice(0, left));
  }
  return rows;
}

/** Up to `max` entries in a lane that nobody holds, due or not. */
export async function freeEntries(
  { database, leases }: Held,
  { message }: Selection,
  lane: LaneName,
  max: number,
): Promise<readonly Row[]> {
  const leased = JSON.stringify(leases.entriesOf(lane));
  if (message === undefined) return database.read(SEIZE, [lane, leased, max]);
  const [row] = await database.read(MESSAGE_OF, [message]);
  return row ? (await database.read(FREE_OF_MESSAGE, [row['no'] ?? null, lane, leased])).slice(0, max) : [];
}

const NOTHING = Buffer.alloc(0);

function pendingOf(row: Row, leased: ReadonlySet<number>): Pending {
  const index = indexOf(Number(row['no']));
  const { id, recipients } = decodeMessage(String(row['envelope']), NOTHING);
  const state = leased.has(Number(row['no'])) ? 'leased' : row['state'] === SUSPENDED ? 'suspended' : 'waiting';
  return {
    message: id,
    index,
    recipient: recipients[index] ?? '',
    lane: String(row['lane']),
    due: Number(row['due']),
    attempts: Number(row['attempts']),
    state,
  };
}

/** Which states a move changes. */
const CHANGES: Record<Move['kind'], readonly number[]> = {
  suspend: [WAITING],
  resume: [SUSPENDED],
  retry: [WAITING, SUSPENDED],
  reroute: [WAITING, SUSPENDED],
};

/** Entries moved in one transaction: a few milliseconds, between which others write. */
const SLICE = 1000;

/** Moves what is not leased in one lane. The caller keeps leases of the lane away meanwhile. */
export async function moveLane(held: Held, selection: Selection, lane: LaneName, move: Move): Promise<number> {
  const target = move.kind === 'reroute' ? laneName({ ...parseLane(lane), pool: move.pool }) : lane;
  if (move.kind === 'reroute' && target === lane) return 0;
  const extra = move.kind === 'reroute' ? { lane: target } : move.kind === 'retry' ? { due: held.clock.now() } : {};
  let count = 0;
  for await (const found of movable(held, selection, lane, CHANGES[move.kind])) {
    if (found.length === 0) continue;
    const entries = found.map((row) => Number(row['no']));
    const change: Change = { kind: 'moved', move: move.kind, entries, ...extra };
    await held.journal.write([change]);
    count += found.length;
    noteMove(held, move.kind, lane, target, found);
  }
  return count;
}

/** What a move finds, slice by slice; a slice that was moved is behind the place where the next one begins. */
async function* movable(
  held: Held,
  selection: Selection,
  lane: LaneName,
  from: readonly number[],
): AsyncGenerator<readonly Row[]> {
  if (selection.message !== undefined) {
    const free = await freeEntries(held, selection, lane, MOST_RECIPIENTS);
    yield free.filter((row) => from.includes(Number(row['state'])));
    return;
  }
  const leased = new Set(held.leases.entriesOf(lane));
  // What waits first: what was suspended waits once it is moved.
  for (const state of from.toSorted((a, b) => a - b)) {
    for (let last: Row | undefined, full = true; full;) {
      const rows = await sliceAfter(held, lane, state, last);
      full = rows.length === SLICE;
      last = rows.at(-1);
      yield rows.filter((row) => !leased.has(Number(row['no'])));
    }
  }
}

function sliceAfter({ database }: Held, lane: LaneName, state: number, last: Row | undefined): Promise<readonly Row[]> {
  const [due, no] = [Number(last?.['due'] ?? -1), Number(last?.['no'] ?? 0)];
  if (state === WAITING) return database.read(SLICE_WAITING, [lane, due, no, SLICE]);
  return database.read(SLICE_SUSPENDED, [lane, no, SLICE]);
}

/** Memory follows what was written. */
function noteMove(
  { lanes, clock }: Held,
  kind: Move['kind'],
  lane: LaneName,
  target: LaneName,
  moved: readonly Row[],
): void {
  if (kind === 'suspend') return;
  const due = moved.reduce((first, row) => Math.min(first, Number(row['due'])), Infinity);
  if (kind === 'reroute') {
    lanes.end(lane, moved.length);
    lanes.arrive(target, moved.length, due);
  } else lanes.arrive(lane, 0, kind === 'retry' ? clock.now() : due);
}
