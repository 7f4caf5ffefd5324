/**
 * Suspending and resuming: standing orders, each durable with its record before it holds or ends.
 *
 * What is suspended stays queued until its own life ends. Resuming lets go, too, what the queue itself holds back, such as
 * mail in doubt.
 */
import type { Clock } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import type { AuditEvent } from '../mail/audit.ts';
import { ALPHABET } from '../mail/message.ts';
import type { Chosen, Operated, Resuming, Suspending } from '../mail/operation.ts';
import type { Claim, LaneName, Queue } from '../queue/queue.ts';
import type { Orders } from '../settle/ledger/orders.ts';
import { isWithin, meets, type Suspension } from '../mail/suspension.ts';
import { lanesOf, recipientsIn } from './chosen.ts';

/** The orders that hold, where mail is scheduled. */
export interface Standing {
  current(): readonly Suspension[];
  begin(order: Suspension): void;
  end(ids: readonly string[]): void;
}

export interface OperatingParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly queue: Pick<Queue, 'depth' | 'list' | 'move'>;
  readonly claim: Claim;
  readonly orders: Pick<Orders, 'record'>;
  readonly standing: Standing;
  /** Where a lane's mail goes, by what was known last. */
  readonly siteOf: (lane: LaneName) => string;
  /** Told of each record that is durable. Must not throw. */
  readonly recorded: (event: AuditEvent) => void;
}

/** More orders than anybody can keep in mind. */
const MOST_ORDERS = 1000;
const ID_LETTERS = 8;

export async function suspend(asked: Suspending, parts: OperatingParts): Promise<Operated> {
  const { about, by, dryRun, why, until } = asked;
  const { clock, random, standing } = parts;
  const now = clock.now();
  if (standing.current().length >= MOST_ORDERS)
    return { kind: 'refused', why: `there are ${MOST_ORDERS} suspensions already: end some with resume` };
  const id = Array.from(random.bytes(ID_LETTERS), (byte) => ALPHABET.charAt(byte & 31)).join('');
  const order: Suspension = { id, about, why, by, at: now, ...(until !== undefined && { until }) };
  const lanes = await lanesOf(about, parts);
  const recipients = recipientsIn(lanes);
  if (!dryRun) {
    const event = { v: 1, at: now, by, operation: 'suspend', stage: 'done', about, recipients, why } as const;
    await record({ ...event, ...(until !== undefined && { until }), suspensions: [id] }, parts, { begin: order });
    standing.begin(order);
  }
  return { kind: 'done', done: { dryRun, recipients, lanes: lanes.length, suspensions: [order] } };
}

export async function resume({ about, by, dryRun, id }: Resuming, parts: OperatingParts): Promise<Operated> {
  const { standing, clock } = parts;
  const current = standing.current();
  const ended = current.filter((it) => (id === undefined ? isEnded(it, about) : it.id === id));
  if (id !== undefined && ended.length === 0)
    return { kind: 'refused', why: `there is no suspension ${id}: it is over, or was ended before` };
  const lanes = await lanesOf(id === undefined ? about : (ended[0]?.about ?? about), parts);
  const recipients = recipientsIn(lanes);
  const ids = ended.map((it) => it.id);
  if (!dryRun) {
    const event = { v: 1, at: clock.now(), by, operation: 'resume', stage: 'done', about, recipients } as const;
    await record({ ...event, suspensions: ids }, parts, { end: ids });
    standing.end(ids);
    if (id === undefined) await release(about, lanes, parts);
  }
  const stillHeldBy = current.filter((it) => !ids.includes(it.id) && id === undefined && meets(it.about, about));
  return { kind: 'done', done: { dryRun, recipients, lanes: lanes.length, suspensions: ended, stillHeldBy } };
}

/** Ending what is about one message ends no order: orders are about more. */
const isEnded = ({ about }: Suspension, { message, ...matter }: Chosen): boolean =>
  message === undefined && isWithin(about, matter);

/** What the queue itself holds back of a choice goes as it would have. */
async function release(
  { message }: Chosen,
  lanes: readonly { readonly lane: LaneName }[],
  { queue, claim }: OperatingParts,
): Promise<void> {
  for (const { lane } of lanes)
    await queue.move(claim, { lane, ...(message !== undefined && { message }) }, { kind: 'resume' });
}

async function record(
  event: AuditEvent,
  { orders, recorded }: OperatingParts,
  change: Parameters<Orders['record']>[1],
): Promise<void> {
  await orders.record(event, change);
  recorded(event);
}
