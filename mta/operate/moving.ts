/**
 * What is done to mail that is queued, once: tried now, bounced, or sent by another pool.
 *
 * In steps of a lane or a hundred recipients, so that nobody else waits for it. It is on record before the first step and
 * after the last: whatever a crash leaves undone can be asked for again. What is being sent at that moment is left alone.
 */
import type { Duration } from '#lib/run/clock.ts';
import { minutes } from '#lib/run/clock.ts';
import type { AuditEvent } from '../mail/audit.ts';
import type { MailEvent } from '../mail/event.ts';
import type { Bouncing, Moving, Operated, Rerouting } from '../mail/operation.ts';
import type { LaneDepth, LaneName, Lease, Move, Queue, Settlement } from '../queue/queue.ts';
import { meets, type Suspension } from '../mail/suspension.ts';
import { lanesOf, recipientsIn } from './chosen.ts';
import type { OperatingParts } from './suspending.ts';

export interface MovingParts extends OperatingParts {
  readonly queue: Pick<Queue, 'depth' | 'list' | 'move' | 'seize' | 'settle' | 'giveBack'>;
  /** Whatever rests at a site rests no longer. */
  readonly endRests: (site: string) => void;
  /** What waits is looked at anew. */
  readonly replan: () => void;
  readonly isPool: (name: string) => boolean;
  readonly bounced: (lease: Lease, asked: Bouncing) => Settlement;
  /** Told of each event that is durable. Must not throw. */
  readonly tell: (event: MailEvent) => void;
}

const STEP = 100;
/** Until their outcome is surely written. */
const HOLD: Duration = minutes(5);

/** Due now, and what was held by the queue too; what rests at its sites is over. */
export const retry = (asked: Moving, parts: MovingParts): Promise<Operated> =>
  inSteps('retry', asked, {}, parts, async (lanes) => {
    const count = await moveAll(lanes, asked, { kind: 'retry' }, parts);
    for (const site of new Set(lanes.map((it) => parts.siteOf(it.lane)))) parts.endRests(site);
    parts.replan();
    return count;
  });

/** What is queued leaves by another pool; what is to come leaves as its domain says. */
export async function reroute(asked: Rerouting, parts: MovingParts): Promise<Operated> {
  const { to } = asked;
  if (!parts.isPool(to)) return { kind: 'refused', why: `there is no IPPool ${to}: name it as namespace/name` };
  return inSteps('reroute', asked, { to }, parts, (lanes) =>
    moveAll(lanes, asked, { kind: 'reroute', pool: to }, parts),
  );
}

/** Ends it as bounced, with who and why as the reply. */
export const bounce = (asked: Bouncing, parts: MovingParts): Promise<Operated> =>
  inSteps('bounce', asked, { why: asked.why }, parts, async (lanes) => {
    let count = 0;
    for (const lane of lanes) count += await bounceLane(lane, asked, parts);
    return count;
  });

async function inSteps(
  operation: AuditEvent['operation'],
  { about, by, dryRun }: Moving,
  details: Pick<AuditEvent, 'why' | 'to'>,
  parts: MovingParts,
  act: (lanes: readonly LaneDepth[]) => Promise<number>,
): Promise<Operated> {
  const { clock, standing } = parts;
  const lanes = await lanesOf(about, parts);
  let recipients = recipientsIn(lanes);
  const event = { v: 1, by, operation, about, ...details } as const;
  if (!dryRun && lanes.length > 0) {
    await record({ ...event, at: clock.now(), stage: 'begun', recipients }, parts);
    recipients = await act(lanes);
    await record({ ...event, at: clock.now(), stage: 'done', recipients }, parts);
  }
  const stillHeldBy: readonly Suspension[] = standing.current().filter((it) => meets(it.about, about));
  return { kind: 'done', done: { dryRun, recipients, lanes: lanes.length, stillHeldBy } };
}

async function record(event: AuditEvent, { orders, recorded }: MovingParts): Promise<void> {
  await orders.record(event);
  recorded(event);
}

async function moveAll(
  lanes: readonly LaneDepth[],
  { about: { message } }: Moving,
  move: Move,
  { queue, claim }: MovingParts,
): Promise<number> {
  let count = 0;
  for (const { lane } of lanes) count += await queue.move(claim, selectionOf(lane, message), move);
  return count;
}

/** As many as there were: mail that comes in meanwhile was not meant. */
async function bounceLane({ lane, depth }: LaneDepth, asked: Bouncing, parts: MovingParts): Promise<number> {
  const { queue, claim } = parts;
  let count = 0;
  while (count < depth) {
    const selection = selectionOf(lane, asked.about.message);
    const leases = await queue.seize(claim, selection, Math.min(STEP, depth - count), HOLD);
    if (leases.length === 0) break;
    await bounceAll(leases, asked, parts);
    count += leases.length;
  }
  return count;
}

async function bounceAll(leases: readonly Lease[], asked: Bouncing, parts: MovingParts): Promise<void> {
  const { queue, claim, bounced, tell } = parts;
  const settlements = leases.map((lease) => bounced(lease, asked));
  try {
    const refused = await queue.settle(claim, settlements);
    for (const it of settlements) if (!refused.includes(it)) tell(it.event);
  } catch (thrown) {
    queue.giveBack(leases);
    throw thrown;
  }
}

const selectionOf = (lane: LaneName, message: string | undefined) => ({
  lane,
  ...(message !== undefined && { message }),
});
