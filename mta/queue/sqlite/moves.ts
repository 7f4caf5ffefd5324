/**
 * What operators do to the embedded queue: list, move, seize. One lane at a time, so that no lease comes in between.
 */
import type { Clock } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Row, SqlValue } from '#lib/sqlite/protocol.ts';
import { decodeMessage } from '../codec.ts';
import { laneName, type LaneName, type Move, parseLane, type Pending, type Selection } from '../queue.ts';
import type { Lanes } from './lanes.ts';
import type { Leases } from './leases.ts';
import { indexOf, LIST, LIST_OF_MESSAGE, MOVABLE, moveEntries, SUSPENDED, WAITING } from './tables.ts';

export interface Held {
  readonly database: Database;
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

/** The first three parameters of statements on what of a selection is not leased. */
export const parametersOf = ({ leases }: Held, selection: Selection, lanes: readonly LaneName[]): SqlValue[] => [
  selection.message ?? null,
  JSON.stringify(lanes),
  JSON.stringify(lanes.flatMap((lane) => leases.entriesOf(lane))),
];

export async function listEntries(held: Held, selection: Selection, max: number): Promise<Pending[]> {
  const lanes = lanesOf(held.lanes, selection);
  const rows =
    selection.message === undefined
      ? await held.database.read(LIST, [null, JSON.stringify(lanes), max])
      : await held.database.read(LIST_OF_MESSAGE, [selection.message, max]);
  const leased = new Set(rows.flatMap((row) => held.leases.entriesOf(String(row['lane']))));
  const wanted = new Set(lanes);
  return rows.filter((row) => wanted.has(String(row['lane']))).map((row) => pendingOf(row, leased));
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

/** Which states a move changes, and how. `?2` is the time now for a retry, the new lane for a reroute. */
const CHANGES: Record<Move['kind'], { readonly from: readonly number[]; readonly change: string }> = {
  suspend: { from: [WAITING], change: `state = ${SUSPENDED}` },
  resume: { from: [SUSPENDED], change: `state = ${WAITING}` },
  retry: { from: [WAITING, SUSPENDED], change: `state = ${WAITING}, due = min(due, ?2)` },
  reroute: { from: [WAITING, SUSPENDED], change: 'lane = ?2' },
};

/** Entries moved in one transaction: what is found is what is changed, whatever arrives meanwhile. */
const SLICE = 10_000;

/** Moves what is not leased in one lane. The caller keeps leases of the lane away meanwhile. */
export async function moveLane(held: Held, selection: Selection, lane: LaneName, move: Move): Promise<number> {
  const target = move.kind === 'reroute' ? laneName({ ...parseLane(lane), pool: move.pool }) : lane;
  if (move.kind === 'reroute' && target === lane) return 0;
  const { from, change } = CHANGES[move.kind];
  const parameters = [...parametersOf(held, selection, [lane]), JSON.stringify(from)];
  const now = held.clock.now();
  const extra = move.kind === 'reroute' ? [target] : move.kind === 'retry' ? [now] : [];
  let count = 0;
  for (let last = 0, full = true; full;) {
    const found = await held.database.read(MOVABLE, [...parameters, last, SLICE]);
    full = found.length === SLICE;
    last = Number(found.at(-1)?.['no'] ?? last);
    const entries = JSON.stringify(found.map((row) => row['no'] ?? null));
    await held.database.write([{ sql: moveEntries(change), params: [entries, ...extra] }]);
    count += found.length;
    noteMove(held, move.kind, lane, target, found);
  }
  return count;
}

/** Memory follows what was written. */
function noteMove(
  { lanes, clock }: Held,
  kind: Move['kind'],
  lane: LaneName,
  target: LaneName,
  moved: readonly Row[],
): void {
  if (moved.length === 0 || kind === 'suspend') return;
  const due = moved.reduce((first, row) => Math.min(first, Number(row['due'])), Infinity);
  if (kind === 'reroute') {
    lanes.end(lane, moved.length);
    lanes.arrive(target, moved.length, due);
  } else lanes.arrive(lane, 0, kind === 'retry' ? clock.now() : due);
}
