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
import { LIST, MOVABLE, moveEntries, SUSPENDED, WAITING } from './tables.ts';

export interface Held {
  readonly database: Database;
  readonly clock: Clock;
  readonly lanes: Lanes;
  readonly leases: Leases;
}

/** Lanes a selection may have entries in. */
export const lanesOf = (lanes: Lanes, { tenant, pool, domain }: Selection): LaneName[] =>
  lanes.names().filter((name) => {
    const lane = parseLane(name);
    return [tenant, pool, domain].every(
      (it, at) => it === undefined || it === [lane.tenant, lane.pool, lane.domain][at],
    );
  });

/** The first three parameters of every statement on a selection. */
export const parametersOf = ({ leases }: Held, selection: Selection, lanes: readonly LaneName[]): SqlValue[] => [
  selection.message ?? null,
  JSON.stringify(lanes),
  JSON.stringify(lanes.flatMap((lane) => leases.entriesOf(lane))),
];

export async function listEntries(held: Held, selection: Selection, max: number): Promise<Pending[]> {
  const lanes = lanesOf(held.lanes, selection);
  const rows = await held.database.read(LIST, [...parametersOf(held, selection, lanes), max]);
  return rows.map(pendingOf);
}

const NOTHING = Buffer.alloc(0);

function pendingOf(row: Row): Pending {
  const index = Number(row['idx']);
  const { id, recipients } = decodeMessage(String(row['envelope']), NOTHING);
  const state = row['leased'] === 1 ? 'leased' : row['state'] === SUSPENDED ? 'suspended' : 'waiting';
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

/** Which states a move changes, and how. `?5` is the time now for a retry, the new lane for a reroute. */
const CHANGES: Record<Move['kind'], { readonly from: readonly number[]; readonly change: string }> = {
  suspend: { from: [WAITING], change: `state = ${SUSPENDED}` },
  resume: { from: [SUSPENDED], change: `state = ${WAITING}` },
  retry: { from: [WAITING, SUSPENDED], change: `state = ${WAITING}, due = min(due, ?5)` },
  reroute: { from: [WAITING, SUSPENDED], change: 'lane = ?5' },
};

/** Moves what is not leased in one lane. The caller keeps leases of the lane away meanwhile. */
export async function moveLane(held: Held, selection: Selection, lane: LaneName, move: Move): Promise<number> {
  const { database, lanes, clock } = held;
  const { from, change } = CHANGES[move.kind];
  const parameters = [...parametersOf(held, selection, [lane]), JSON.stringify(from)];
  const [found] = await database.read(MOVABLE, parameters);
  const count = Number(found?.['count']);
  if (count === 0) return 0;
  const target = move.kind === 'reroute' ? laneName({ ...parseLane(lane), pool: move.pool }) : lane;
  const changed = move.kind === 'reroute' ? [target] : move.kind === 'retry' ? [clock.now()] : [];
  await database.write([{ sql: moveEntries(change), params: [...parameters, ...changed] }]);
  if (move.kind === 'reroute') {
    lanes.end(lane, count);
    lanes.arrive(target, count, Number(found?.['due']));
  } else if (move.kind !== 'suspend')
    lanes.arrive(lane, 0, move.kind === 'retry' ? clock.now() : Number(found?.['due']));
  return count;
}
