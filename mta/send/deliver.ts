/**
 * One connection's life: lease what is due, connect, sign, send, hand every attempt to `settle`, go on until idle.
 *
 * Promises: a message is leased before anybody is dialled and attempted or given back after; nothing is sent while
 * outcomes cannot be recorded; a connection carries at most so many messages; the next message is signed while the
 * current one is under way; nobody is sent to who was suppressed when the transaction began. What is about no mail (the
 * source, the storage, a site that cannot be reached) costs none an attempt: one message is told of it, the others are
 * given back.
 *
 * Left to others: whose turn it is (`schedule/`), what an attempt means (`settle/`).
 */
import type { Clock, Duration, Instant } from '#lib/run/clock.ts';
import { minutes, seconds } from '#lib/run/clock.ts';
import type { Attempt } from '../attempt.ts';
import { askedByUs } from '../dsn-request.ts';
import type { Claim, LaneName, Lease, Queue } from '../queue/queue.ts';
import { type Reply, reply, replyLine } from '../reply.ts';
import { scopeOf } from '../scope.ts';
import type { ConnectFailure } from './connect.ts';
import type { Dialled } from './dial.ts';
import type { Session } from './session.ts';
import type { Signed } from './sign.ts';
import type { TransactionResult } from './transaction.ts';

/** Where a connection gets its lanes from. */
export interface LaneSupply {
  readonly lane: LaneName;
  putBack(lane: LaneName): void;
  next(idle: Duration): Promise<LaneName | undefined>;
  /** The site takes mail. */
  reached(): void;
  /** How long the site rests if this connection finds it unreachable. */
  readonly pause: Duration;
  /** Why the site could not be reached the last time; undefined when it could. */
  readonly trouble: string | undefined;
  /** False once nothing more should be begun. */
  readonly goesOn: boolean;
  /** `why`: for `unreachable`, in the words of who said so. */
  leave(end: 'done' | 'unreachable', why?: string): void;
}

export type Opening = Dialled | { readonly kind: 'unroutable'; readonly reply: Reply };

export interface Courier {
  readonly queue: Queue;
  readonly claim: Claim;
  readonly clock: Clock;
  /** Most messages on one connection. */
  readonly messages: number;
  /** Why this recipient must have no mail, for which no connection is made; undefined at once for nearly all. */
  suppressed(lease: Lease): undefined | Promise<Reply | undefined>;
  open(): Promise<Opening>;
  sign(lease: Lease): Promise<Signed>;
  /** The envelope sender to use. */
  senderOf(lease: Lease): string;
  settle(lease: Lease, attempt: Attempt): void;
  /** When a message's life ends, by its own wish and by policy. */
  expiresAt(lease: Lease): Instant;
  /** When outcomes can be recorded; undefined: now. */
  ready(): Promise<void> | undefined;
  /** Told of targets that gave no session, and of faults of ours. Must not throw. */
  missed(failure: ConnectFailure): void;
  troubled(thrown: unknown): void;
}

/** Messages leased at a time: enough to keep a connection busy, few enough to share a lane fairly. */
const BATCH = 10;
/** Longer than a transaction can take (30 min before the dot, 10 after); renewed before each. */
const HOLD: Duration = minutes(45);
/** How long a connection waits for more mail before it says goodbye. */
const IDLE: Duration = seconds(5);

/** Resolves when the connection is over; never rejects. `supply.leave` has been called once by then. */
export async function deliver(supply: LaneSupply, courier: Courier): Promise<void> {
  const run = new Run(supply, courier);
  let end: 'done' | 'unreachable' = 'unreachable';
  try {
    end = await run.toTheEnd();
  } catch (thrown) {
    courier.troubled(thrown);
  } finally {
    // First the site rests, then it gets its mail back: otherwise the mail would start the next connection.
    supply.leave(end, end === 'unreachable' ? run.why : undefined);
    run.abandon();
  }
}

class Run {
  readonly #supply: LaneSupply;
  readonly #courier: Courier;
  #session: Session | undefined;
  /** Leased and not yet attempted. */
  #held: Lease[] = [];
  /** Monotonic: until when they are surely ours. */
  #heldUntil: Duration = 0;
  #lane: LaneName | undefined;
  /** The receiver closed the door (421, or the connection) and has not taken part in any transaction before. */
  #isTurnedAway = false;
  #hasTakenPart = false;
  /** What was said last that kept mail from going. */
  #why: string | undefined;

  constructor(supply: LaneSupply, courier: Courier) {
    this.#supply = supply;
    this.#courier = courier;
    this.#lane = supply.lane;
  }

  async toTheEnd(): Promise<'done' | 'unreachable'> {
    for (; this.#lane !== undefined; this.#lane = await this.#supply.next(IDLE)) {
      await this.#courier.ready();
      await this.#lease(this.#lane);
      if (this.#held.length === 0) continue;
      if (!this.#session) {
        const missed = await this.#connect();
        if (missed) return missed;
      }
      if (!(await this.#sendHeld())) break;
    }
    return this.#isTurnedAway ? 'unreachable' : 'done';
  }

  get why(): string | undefined {
    return this.#why;
  }

  /** Gives everything back that was not attempted, and says goodbye. */
  abandon(): void {
    if (this.#held.length > 0) this.#courier.queue.giveBack(this.#held);
    if (this.#lane !== undefined) this.#supply.putBack(this.#lane);
    void this.#session?.quit();
  }

  /** A full lease means there may be more: the lane goes back, for this connection or another. */
  async #lease(lane: LaneName): Promise<void> {
    const { queue, claim, clock } = this.#courier;
    const room = Math.min(BATCH, this.#courier.messages - (this.#session?.transactions ?? 0));
    this.#heldUntil = clock.monotonic() + HOLD;
    const leases = await queue.lease(claim, lane, room, HOLD);
    if (leases.length === room) this.#supply.putBack(lane);
    this.#lane = undefined;
    this.#held = [...leases];
    await this.#sift(leases, clock.now());
  }

  /** Ends what need not be sent, before anybody is dialled for it. */
  async #sift(leases: readonly Lease[], now: Instant): Promise<void> {
    const courier = this.#courier;
    for (const lease of leases) {
      const looking = courier.suppressed(lease);
      const why = looking && (await looking);
      const attempt = courier.expiresAt(lease) <= now ? tooLate(this.#supply.trouble) : why && ownAttempt(why);
      if (!attempt) continue;
      this.#held.splice(this.#held.indexOf(lease), 1);
      courier.settle(lease, attempt);
    }
  }

  /** A session, or how the connection ends without one. */
  async #connect(): Promise<'done' | 'unreachable' | undefined> {
    const opening = await this.#courier.open();
    if (opening.kind === 'unroutable') return this.#unroutable(opening.reply);
    for (const failure of opening.failures) this.#courier.missed(failure);
    if (opening.kind === 'session') {
      this.#session = opening.session;
      return undefined;
    }
    this.#why = replyLine(opening.report.reply);
    if (opening.report.stage !== 'bind') this.#settleOne(connectAttempt(opening.report, this.#supply.pause));
    return 'unreachable';
  }

  #unroutable(why: Reply): 'done' | 'unreachable' {
    const attempt: Attempt = { stage: 'resolve', reply: why, own: true, inDoubt: false, pause: this.#supply.pause };
    this.#why = replyLine(why);
    if (!scopeOf(attempt).counts) {
      this.#settleOne(attempt);
      return 'unreachable';
    }
    for (const lease of this.#held.splice(0)) this.#courier.settle(lease, attempt);
    return 'done';
  }

  /** A failure that is about no mail costs none an attempt: one says in its events why all of them wait. */
  #settleOne(attempt: Attempt): void {
    const lease = this.#held.shift();
    if (lease) this.#courier.settle(lease, attempt);
  }

  /** False when the session cannot carry more, or what is held may be another's by now. */
  async #sendHeld(): Promise<boolean> {
    const courier = this.#courier;
    let signing = this.#signNext();
    while (signing) {
      const signed = await signing;
      await courier.ready();
      if (!this.#session?.isAlive || courier.clock.monotonic() >= this.#heldUntil) return false;
      this.#renew();
      const looking = this.#held[0] && courier.suppressed(this.#held[0]);
      const why = looking && (await looking);
      const lease = this.#held.shift();
      signing = this.#signNext();
      if (lease) await (why ? courier.settle(lease, ownAttempt(why)) : this.#sendOne(lease, signed));
      if (!this.#session.isAlive || this.#session.transactions >= courier.messages) return false;
      if (!this.#supply.goesOn) return false;
    }
    return true;
  }

  #renew(): void {
    const { queue, clock } = this.#courier;
    queue.renew(this.#held, HOLD);
    this.#heldUntil = clock.monotonic() + HOLD;
  }

  #signNext(): Promise<Signed> | undefined {
    const [next] = this.#held;
    return next && this.#courier.sign(next);
  }

  async #sendOne(lease: Lease, signed: Signed): Promise<void> {
    const session = this.#session;
    if (!session) return;
    if (signed.kind === 'unsignable') {
      return this.#courier.settle(lease, ownAttempt(signed.reply));
    }
    const started = this.#courier.clock.monotonic();
    const { message, recipient, index } = lease;
    const { utf8 } = message;
    const sender = this.#courier.senderOf(lease);
    const isOwnReturn = sender !== message.sender;
    const dsn = message.dsn && isOwnReturn ? askedByUs(message.dsn) : message.dsn;
    const result = await session.send({
      sender,
      recipients: [recipient],
      body: message.body,
      ...(utf8 && { utf8 }),
      ...(dsn && { dsn: { ...dsn, recipients: [dsn.recipients[index] ?? {}] } }),
      content: [signed.signatures, message.raw],
    });
    const took = Math.round(this.#courier.clock.monotonic() - started);
    if (isLostBefore(result, session)) return this.#courier.queue.giveBack([lease]);
    const peerReports = session.capabilities.dsn && !isOwnReturn;
    const attempt = { ...transactionAttempt(result, session, took), ...(peerReports && { peerReports }) };
    this.#courier.settle(lease, attempt);
    this.#learn(attempt, result.failure !== undefined);
  }

  /** A site that only says 421 is not reached, however often it greets: it rests, and costs one message a probe. */
  #learn(attempt: Attempt, isBroken: boolean): void {
    const isClosed = isBroken || scopeOf(attempt).strikes;
    if (isClosed) this.#why = replyLine(attempt.reply);
    if (!isClosed && !this.#hasTakenPart) this.#supply.reached();
    this.#hasTakenPart ||= !isClosed;
    this.#isTurnedAway = isClosed && !this.#hasTakenPart;
  }
}

/** A connection that has carried mail was closed before this message's MAIL was answered: no attempt was made at it. */
const isLostBefore = ({ failure }: TransactionResult, session: Session): boolean =>
  session.transactions > 1 &&
  (failure?.kind === 'closed' || failure?.kind === 'io') &&
  (failure.stage === 'rset' || failure.stage === 'mail');

const ownAttempt = (why: Reply): Attempt => ({ stage: 'local', reply: why, own: true, inDoubt: false });

/** The reason is the receiver's own where it is known: the sender will read it. */
const tooLate = (trouble: string | undefined): Attempt =>
  ownAttempt(reply(451, '4.4.7', `its time ran out before it could be tried again${trouble ? `: ${trouble}` : ''}`));

const connectAttempt = ({ stage, reply: said, own, target }: ConnectFailure, pause: Duration): Attempt => ({
  stage,
  reply: said,
  own,
  inDoubt: false,
  host: `${target.host} [${target.address}]:${target.port}`,
  pause,
});

/** One recipient per transaction: the first verdict is the verdict. */
function transactionAttempt(result: TransactionResult, session: Session, took: Duration): Attempt {
  const [verdict] = result.verdicts;
  return {
    stage: verdict?.stage ?? 'mail',
    reply: verdict?.reply ?? reply(451, '4.5.0', 'the receiver said nothing of this recipient'),
    own: verdict?.own ?? true,
    inDoubt: result.failure?.inDoubt ?? false,
    host: session.host,
    source: session.source,
    tls: session.tls,
    took,
  };
}
