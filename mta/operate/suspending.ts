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
import type { Chosen, Hands, Operated, Resuming, Suspending } from '../mail/operation.ts';
import type { Orders } from '../settle/ledger/orders.ts';
import { isWithin, meets, type Suspension } from '../mail/suspension.ts';

/** The orders that hold, where mail is scheduled. */
export interface Standing {
  /** Those that are not over, oldest first. */
  current(): readonly Suspension[] | Promise<readonly Suspension[]>;
  begin(order: Suspension): void;
  end(ids: readonly string[]): void;
}

export interface OperatingParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Of whoever has the mail. */
  readonly hands: Hands;
  readonly orders: Pick<Orders, 'record'>;
  readonly standing: Standing;
  /** Told of each record that is durable. Must not throw. */
  readonly recorded: (event: AuditEvent) => void;
}

/** More orders than anybody can keep in mind. */
const MOST_ORDERS = 1000;
const ID_LETTERS = 8;

export async function suspend(asked: Suspending, parts: OperatingParts): Promise<Operated> {
  const { about, by, dryRun, why, until } = asked;
  const { clock, random, standing, hands } = parts;
  const now = clock.now();
  if ((await standing.current()).length >= MOST_ORDERS)
    return { kind: 'refused', why: `there are ${MOST_ORDERS} suspensions already: end some with resume` };
  const id = Array.from(random.bytes(ID_LETTERS), (byte) => ALPHABET.charAt(byte & 31)).join('');
  const order: Suspension = { id, about, why, by, at: now, ...(until !== undefined && { until }) };
  const { found, missing } = await hands.count(about);
  const { recipients } = found;
  if (!dryRun) {
    const event = { v: 1, at: now, by, operation: 'suspend', stage: 'done', about, recipients, why } as const;
    await record({ ...event, ...(until !== undefined && { until }), suspensions: [id] }, parts, { begin: order });
    standing.begin(order);
  }
  return { kind: 'done', done: { dryRun, ...found, suspensions: [order], ...lacking(missing) } };
}

export async function resume({ about, by, dryRun, id }: Resuming, parts: OperatingParts): Promise<Operated> {
  const { standing, clock, hands } = parts;
  const current = await standing.current();
  const ended = current.filter((it) => (id === undefined ? isEnded(it, about) : it.id === id));
  if (id !== undefined && ended.length === 0)
    return { kind: 'refused', why: `there is no suspension ${id}: it is over, or was ended before` };
  const counted = await hands.count(id === undefined ? about : (ended[0]?.about ?? about));
  const { recipients } = counted.found;
  const ids = ended.map((it) => it.id);
  let { missing } = counted;
  if (!dryRun) {
    const event = { v: 1, at: clock.now(), by, operation: 'resume', stage: 'done', about, recipients } as const;
    await record({ ...event, suspensions: ids }, parts, { end: ids });
    standing.end(ids);
    // What the queue itself holds back of a choice goes as it would have.
    if (id === undefined) ({ missing } = await hands.carryOut({ kind: 'resume', about }));
  }
  const stillHeldBy = current.filter((it) => !ids.includes(it.id) && id === undefined && meets(it.about, about));
  return { kind: 'done', done: { dryRun, ...counted.found, suspensions: ended, stillHeldBy, ...lacking(missing) } };
}

const lacking = (missing: readonly string[]) => (missing.length > 0 ? { missing } : {});

/** Ending what is about one message ends no order: orders are about more. */
const isEnded = ({ about }: Suspension, { message, ...matter }: Chosen): boolean =>
  message === undefined && isWithin(about, matter);

async function record(
  event: AuditEvent,
  { orders, recorded }: OperatingParts,
  change: Parameters<Orders['record']>[1],
): Promise<void> {
  await orders.record(event, change);
  recorded(event);
}
