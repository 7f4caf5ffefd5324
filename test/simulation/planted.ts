/**
 * Bugs that are planted, one at a time, to see that the simulation finds them. Each is put in front of a real queue, and
 * strikes seldom, as real ones do.
 */
import type { Clock } from '#lib/run/clock.ts';
import { minutes } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import { type LaneName, parseLane, type Queue, tenantOf, type Settlement } from '#mta/queue/queue.ts';
import { recordEvent } from '#mta/settle/ledger/sqlite.ts';
import type { Chance } from './chance.ts';
import { TENANTS } from './declared.ts';
import { wrapped } from './wrapped.ts';

export interface PlantSurroundings {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly database: Database;
}

export interface Plant {
  readonly name: string;
  /** The queue, with the bug. */
  queue(queue: Queue, around: PlantSurroundings): Queue;
}

export const NO_PLANT: Plant = { name: 'none', queue: (queue) => queue };

/** Mail is answered for before it is on record. */
const recordAfterAck: Plant = {
  name: 'record after acknowledgement',
  queue: (queue, { chance }) =>
    wrapped(queue, {
      put: async (message) => {
        const putting = queue.put(message);
        if (chance.is(0.1)) putting.catch(() => undefined);
        else await putting;
      },
    }),
};

/** What somebody holds is given to another as well. */
const lostLease: Plant = {
  name: 'lost lease',
  queue: (queue, { chance }) =>
    wrapped(queue, {
      lease: async (...asked) => {
        const leases = await queue.lease(...asked);
        if (chance.is(0.02)) queue.giveBack(leases.slice(-1));
        return leases;
      },
    }),
};

/** One outcome is written down twice. */
const doubleSettle: Plant = {
  name: 'double settle',
  queue: (queue, { chance, database }) =>
    wrapped(queue, {
      settle: async (claim, settlements) => {
        const refused = await queue.settle(claim, settlements);
        const again = settlements.filter((it) => !refused.includes(it) && chance.is(0.01));
        await database.write(again.map((it) => recordEvent(it.event)));
        return refused;
      },
    }),
};

/** What waits is due a minute before its time. */
const wrongDueTime: Plant = {
  name: 'wrong due time',
  queue: (queue, { chance }) =>
    wrapped(queue, {
      settle: async (claim, settlements) => {
        const early = new Map(settlements.map((it) => [chance.is(0.2) ? tooEarly(it) : it, it]));
        const refused = await queue.settle(claim, [...early.keys()]);
        return refused.flatMap((it) => early.get(it) ?? []);
      },
    }),
};

const tooEarly = (it: Settlement): Settlement =>
  it.outcome.kind === 'later' ? { ...it, outcome: { ...it.outcome, due: it.outcome.due - minutes(1) } } : it;

/** Nobody's mail is told of while one tenant has any for the same place. */
const unfairTenant: Plant = {
  name: 'unfair tenant',
  queue: (queue, { clock }) =>
    wrapped(queue, {
      watch: (claim, listener) => {
        const tell = (lane: LaneName): void => {
          if (isBehind(lane, queue)) clock.after(minutes(1), () => tell(lane));
          else listener(lane);
        };
        queue.watch(claim, tell);
      },
    }),
};

const [FAVOURED] = TENANTS;

function isBehind(lane: LaneName, queue: Queue): boolean {
  if (tenantOf(lane) === FAVOURED) return false;
  const { domain } = parseLane(lane);
  return queue.depth().some((it) => tenantOf(it.lane) === FAVOURED && parseLane(it.lane).domain === domain);
}

export const PLANTED: readonly Plant[] = [recordAfterAck, lostLease, doubleSettle, wrongDueTime, unfairTenant];
