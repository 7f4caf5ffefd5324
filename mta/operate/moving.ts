/**
 * What is done to mail that is queued, once: tried now, bounced, or sent by another pool.
 *
 * It is on record before the first step and after the last: whatever a crash leaves undone, or nobody answers for, can be asked
 * for again.
 */
import type { AuditEvent } from '../mail/audit.ts';
import type { Bouncing, Handling, Moving, Operated, Rerouting } from '../mail/operation.ts';
import { meets, type Suspension } from '../mail/suspension.ts';
import type { OperatingParts } from './suspending.ts';

export interface MovingParts extends OperatingParts {
  readonly isPool: (name: string) => boolean;
}

/** Due now, and what was held by the queue too; what rests at its sites is over. */
export const retry = (asked: Moving, parts: MovingParts): Promise<Operated> =>
  handled('retry', asked, {}, parts, { kind: 'retry', about: asked.about });

/** What is queued leaves by another pool; what is to come leaves as its domain says. */
export async function reroute(asked: Rerouting, parts: MovingParts): Promise<Operated> {
  const { to, about } = asked;
  if (!parts.isPool(to)) return { kind: 'refused', why: `there is no IPPool ${to}: name it as namespace/name` };
  return handled('reroute', asked, { to }, parts, { kind: 'reroute', about, to });
}

/** Ends it as bounced, with who and why as the reply. */
export const bounce = (asked: Bouncing, parts: MovingParts): Promise<Operated> =>
  handled('bounce', asked, { why: asked.why }, parts, { kind: 'bounce', asked });

async function handled(
  operation: AuditEvent['operation'],
  { about, by, dryRun }: Moving,
  details: Pick<AuditEvent, 'why' | 'to'>,
  parts: MovingParts,
  handling: Handling,
): Promise<Operated> {
  const { clock, standing, hands } = parts;
  const counted = await hands.count(about);
  const { lanes } = counted.found;
  let { recipients } = counted.found;
  let { missing } = counted;
  const event = { v: 1, by, operation, about, ...details } as const;
  if (!dryRun && lanes > 0) {
    await record({ ...event, at: clock.now(), stage: 'begun', recipients }, parts);
    ({ found: recipients, missing } = await hands.carryOut(handling));
    await record({ ...event, at: clock.now(), stage: 'done', recipients }, parts);
  }
  const stillHeldBy: readonly Suspension[] = (await standing.current()).filter((it) => meets(it.about, about));
  return { kind: 'done', done: { dryRun, recipients, lanes, stillHeldBy, ...(missing.length > 0 && { missing }) } };
}

async function record(event: AuditEvent, { orders, recorded }: MovingParts): Promise<void> {
  await orders.record(event);
  recorded(event);
}
