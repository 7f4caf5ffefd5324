/**
 * Which lanes a choice of mail is about.
 */
import type { Chosen } from '../mail/operation.ts';
import { type LaneDepth, type LaneName, parseLane, type Queue } from '../queue/queue.ts';
import { includes } from '../mail/suspension.ts';
import { othersTurn } from '#lib/run/turn.ts';

/** More recipients than one message may have. */
const MOST_LISTED = 10_000;

export interface Choosing {
  readonly queue: Pick<Queue, 'depth' | 'list'>;
  /** Where a lane's mail goes, by what was known last. */
  readonly siteOf: (lane: LaneName) => string;
}

/** Between two turns of everybody else. */
const LANES_IN_A_ROW = 1000;

/** Lanes with what of the choice waits in each. */
export async function lanesOf({ message, ...matter }: Chosen, { queue, siteOf }: Choosing): Promise<LaneDepth[]> {
  const lanes = message === undefined ? queue.depth() : await lanesOfMessage(message, queue);
  const chosen: LaneDepth[] = [];
  for (const [at, it] of lanes.entries()) {
    if (at % LANES_IN_A_ROW === LANES_IN_A_ROW - 1) await othersTurn();
    const { tenant, pool, domain } = parseLane(it.lane);
    const site = matter.site === undefined ? '' : siteOf(it.lane);
    if (includes(matter, { tenant, pool, domain, site })) chosen.push(it);
  }
  return chosen;
}

async function lanesOfMessage(message: string, queue: Pick<Queue, 'list'>): Promise<LaneDepth[]> {
  const counts = new Map<LaneName, number>();
  for (const { lane } of await queue.list({ message }, MOST_LISTED)) counts.set(lane, (counts.get(lane) ?? 0) + 1);
  return Array.from(counts, ([lane, depth]) => ({ lane, depth }));
}

export const recipientsIn = (lanes: readonly LaneDepth[]): number => lanes.reduce((sum, it) => sum + it.depth, 0);
