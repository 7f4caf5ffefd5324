/**
 * One connection's life: lease what is due, connect, sign, send, hand every attempt to `settle`, go on until idle.
 *
 * Promises: a message is leased before anybody is dialled and attempted or given back after; nothing is sent while
 * outcomes cannot be recorded; a connection carries at most so many messages; the next message is signed while the
 * current one is under way; nobody is sent to who was suppressed when the transaction began. What is about no mail (the
 * source, the storage, a site that cannot be reached) costs none an attempt: one message is told of it, the others are
 * given back. What the host at hand cannot have, because it does not offer SMTPUTF8, is sent last, by a host that does: the
 * connection takes nothing else up, and the mail that could go has gone. Told that time is short, it waits for nothing but
 * a message past DATA.
 *
 * Left to others: whose turn it is (`schedule/`), what an attempt means (`settle/`).
 */
import { type Duration, seconds } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Attempt } from '../mail/attempt.ts';
import type { Lease } from '../queue/queue.ts';
import { type Reply, replyLine } from '../mail/reply.ts';
import { scopeOf } from '../mail/scope.ts';
import {
  connectAttempt,
  END_OF,
  heldBack,
  HUNG_UP,
  isCutBefore,
  isLostBefore,
  ownAttempt,
  transactionAttempt,
  UTF8_UNOFFERED,
  utf8NotFound,
} from './attempts.ts';
import { mailFor, MOST_TOGETHER, wasTooMany } from './companions.ts';
import type { End, LaneSupply, Offer } from '../mail/turn.ts';
import type { Courier, Opening, OpeningFor, UnderWay } from './courier.ts';
import { needsUtf8 } from './envelope.ts';
import { Held } from './held.ts';
import type { BeforeDot, Session } from './session.ts';
import type { Signed } from './sign.ts';

/** How long a connection waits for more mail before it says goodbye. */
const IDLE: Duration = seconds(5);

/** Resolves when the connection is over; never rejects. `supply.leave` has been called once by then. */
export async function deliver(supply: LaneSupply, courier: Courier): Promise<void> {
  const run = new Run(supply, courier);
  courier.underWay.add(run);
  let end: End = 'unreachable';
  try {
    end = await run.toTheEnd();
  } catch (thrown) {
    courier.troubled(thrown);
  } finally {
    run.refund();
    // First the site rests, then it gets its mail back: otherwise the mail would start the next connection.
    supply.leave(end, end === 'done' ? undefined : run.why);
    run.abandon();
    courier.underWay.delete(run);
  }
}

class Run implements UnderWay {
  readonly #supply: LaneSupply;
  readonly #courier: Courier;
  #session: Session | undefined;
  readonly #held: Held;
  #offer: Offer | undefined;
  /** The receiver closed the door (421, or the connection) and has not taken part in any transaction before. */
  #isTurnedAway = false;
  #hasTakenPart = false;
  /** Recipients a transaction may have, as far as this receiver has shown. */
  #recipients = MOST_TOGETHER;
  readonly #cut = Promise.withResolvers<'cut'>();
  #isCut = false;
  /** What was said last that kept mail from going. */
  why: string | undefined;

  constructor(supply: LaneSupply, courier: Courier) {
    this.#supply = supply;
    this.#courier = courier;
    this.#held = new Held(supply, courier);
    this.#offer = supply.offer;
  }

  async toTheEnd(): Promise<End> {
    for (; this.#offer !== undefined; this.#offer = await this.#supply.next(IDLE)) {
      await this.#courier.ready();
      if (!this.#supply.goesOn) break;
      await this.#lease(this.#offer);
      if (this.#held.leases.length === 0) continue;
      if (!this.#session) {
        const missed = await this.#connect();
        if (missed) return missed;
      }
      if (!(await this.#sendHeld()) || this.#held.hasAside) break;
    }
    if (this.#held.hasAside && this.#held.isOurs && this.#supply.goesOn) await this.#sendAside();
    return this.#isTurnedAway ? 'refused' : 'done';
  }

  cutShort(): void {
    this.#isCut = true;
    this.#cut.resolve('cut');
    if (this.#session && !this.#session.isPastData) void this.#session.quit();
  }

  /** What was not attempted counts against no limit. */
  refund(): void {
    if (this.#offer) this.#supply.unused(this.#offer, this.#offer.most);
    else this.#held.refundAll();
  }

  /** Gives everything back that was not attempted, and says goodbye. */
  abandon(): void {
    this.#held.abandon();
    if (this.#offer !== undefined) this.#supply.putBack(this.#offer.lane);
    void this.#session?.quit();
  }

  /** When there may be more the lane goes back, for this connection or another. */
  async #lease(offer: Offer): Promise<void> {
    const room = Math.min(offer.most, this.#most - (this.#session?.transactions ?? 0));
    const { isFull } = await this.#held.lease(offer, room);
    this.#offer = undefined;
    try {
      await this.#held.leaseAlong(this.#together);
    } finally {
      if (isFull) this.#supply.putBack(offer.lane);
    }
    await this.#held.sift(this.#courier.clock.now());
  }

  /** A session, or how the connection ends without one. */
  async #connect(): Promise<End | undefined> {
    const opening = await this.#unlessCut(this.#courier.open());
    if (opening === 'cut') return 'done';
    if (opening.kind === 'unroutable') return this.#unroutable(opening.reply);
    for (const failure of opening.failures) this.#courier.missed(failure);
    if (opening.kind === 'session') {
      this.#session = opening.session;
      return undefined;
    }
    this.why = replyLine(opening.report.reply);
    const end = END_OF[opening.report.stage];
    if (end !== 'unplumbed') this.#settleOne(connectAttempt(opening.report, this.#supply.pauseAfter(end)));
    return end;
  }

  /** Whoever is dialled then is not waited for: the session says goodbye when it is there. */
  async #unlessCut<T extends Opening | OpeningFor>(opening: Promise<T>): Promise<T | 'cut'> {
    const first = await Promise.race([this.#cut.promise, opening]);
    const leave = (it: T): void => void (it.kind === 'session' && it.session.quit());
    if (first === 'cut') void opening.then(leave, (thrown: unknown) => this.#courier.troubled(thrown));
    return first;
  }

  #unroutable(why: Reply): End {
    const pause = this.#supply.pauseAfter('unreachable');
    const attempt: Attempt = { stage: 'resolve', reply: why, own: true, inDoubt: false, pause };
    this.why = replyLine(why);
    if (!scopeOf(attempt).counts) {
      this.#settleOne(attempt);
      return 'unreachable';
    }
    this.#settleHeld(attempt);
    return 'done';
  }

  /** A failure that is about no mail costs none an attempt: one says in its events why all of them wait. */
  #settleOne(attempt: Attempt): void {
    for (const lease of this.#held.take(1)) this.#courier.settle(lease, attempt);
  }

  /** False when the session cannot carry more, or what is held may be another's by now. */
  async #sendHeld(): Promise<boolean> {
    const courier = this.#courier;
    let signing = this.#signNext();
    while (signing) {
      const signed = await signing;
      await courier.ready();
      if (!this.#session?.isAlive || !this.#held.isOurs) return false;
      this.#held.renew();
      const [next] = this.#held.leases;
      const looking = next && courier.suppressed(next);
      const why = looking && (await looking);
      const [lease] = this.#held.take(1);
      const hold = lease && !why ? courier.hold(lease) : undefined;
      const instead = why ? ownAttempt(why) : hold && heldBack(hold);
      const others = lease && !instead ? this.#held.takeCompanions(lease, this.#together) : [];
      signing = this.#signNext();
      if (lease) await (instead ? courier.settle(lease, instead) : this.#sendTo([lease, ...others], signed));
      if (!this.#session.isAlive || this.#session.transactions >= this.#most) return false;
      if (!this.#supply.goesOn) return false;
    }
    return true;
  }

  #signNext(): Promise<Signed> | undefined {
    const [next] = this.#held.leases;
    return next && this.#courier.sign(next);
  }

  /** Messages this connection may carry: by policy, and by what the receiver announced. */
  get #most(): number {
    return Math.min(this.#courier.messages, this.#session?.capabilities.limits.mailMax ?? Infinity);
  }

  /** Recipients a transaction may have: as many as the receiver announced, and has shown to take. */
  get #together(): number {
    return Math.min(this.#recipients, this.#session?.capabilities.limits.rcptMax ?? Infinity);
  }

  /** By another host of the same domain. What it says is of this mail alone: nothing rests for want of an extension. */
  async #sendAside(): Promise<void> {
    await this.#session?.quit();
    this.#held.turnToAside();
    const opening = await this.#unlessCut(this.#courier.openFor('SMTPUTF8'));
    if (opening === 'cut') return;
    if (opening.kind === 'unoffered') return this.#settleHeld(UTF8_UNOFFERED);
    if (opening.kind === 'unroutable') return this.#settleHeld(utf8NotFound(opening.reply));
    for (const failure of opening.failures) this.#courier.missed(failure);
    if (opening.kind === 'unreachable') return this.#settleHeld(utf8NotFound(opening.report.reply));
    this.#session = opening.session;
    await this.#sendHeld();
    // Given back untried it would be asked for anew at once, and so on.
    if (opening.session.transactions === 0 && this.#supply.goesOn) this.#settleHeld(utf8NotFound(HUNG_UP));
  }

  #settleHeld(attempt: Attempt): void {
    for (const lease of this.#held.take(Infinity)) this.#courier.settle(lease, attempt);
  }

  /** One transaction, for recipients of one message. */
  async #sendTo(leases: readonly [Lease, ...Lease[]], signed: Signed): Promise<void> {
    const session = this.#session;
    if (!session) return;
    if (signed.kind === 'unsignable') {
      for (const lease of leases) this.#courier.settle(lease, ownAttempt(signed.reply));
      return;
    }
    const started = this.#courier.clock.monotonic();
    const sender = this.#courier.senderOf(leases[0]);
    const isOwnReturn = sender !== leases[0].message.sender;
    const mail = mailFor(leases, sender, signed.signatures);
    if (!session.capabilities.smtpUtf8 && needsUtf8(mail)) return this.#held.setAside(leases);
    const result = await session.send(mail, this.#beforeDot(leases));
    const took = Math.round(this.#courier.clock.monotonic() - started);
    if (isLostBefore(result, session) || (this.#isCut && isCutBefore(result))) return this.#held.giveBack(leases);
    const peerReports = session.capabilities.dsn && !isOwnReturn;
    const tooMany = leases.filter((_, at) => wasTooMany(result, at));
    if (tooMany.length > 0) this.#sendAgain(tooMany, leases.length - tooMany.length);
    for (const [at, lease] of leases.entries()) {
      if (tooMany.includes(lease)) continue;
      const attempt = transactionAttempt(result, at, session, took);
      this.#courier.settle(lease, { ...attempt, ...(peerReports && { peerReports }) });
    }
    this.#learn(transactionAttempt(result, 0, session, took), result.failure !== undefined);
  }

  /**
   * Nothing goes once the queue's shard is another's. Where a message must not go twice, that it may have gone is on disk before it
   * goes (RFC 1047).
   */
  #beforeDot(leases: readonly [Lease, ...Lease[]]): BeforeDot {
    const { queue, claim } = this.#courier;
    return () => {
      if (this.#courier.onInDoubt(leases[0]) !== 'Retry') return unlessVoid(this.#intend(leases));
      const holds = queue.holds(claim, leases[0].lane);
      return holds === true ? undefined : unlessVoid(holds);
    };
  }

  async #intend(leases: readonly Lease[]): Promise<boolean> {
    const { queue, claim } = this.#courier;
    return !(await Promise.all(leases.map((it) => queue.intend(claim, it)))).includes(false);
  }

  /** They were too many for this receiver: they go next, and no transaction has more from here on. */
  #sendAgain(leases: readonly Lease[], taken: number): void {
    this.#recipients = Math.max(taken, 1);
    this.#courier.queue.giveBack(leases);
    const [first] = leases;
    if (first) this.#supply.putBack(first.lane);
  }

  /** A site that only says 421 is not reached, however often it greets: it rests, and costs one message a probe. */
  #learn(attempt: Attempt, isBroken: boolean): void {
    const isClosed = isBroken || scopeOf(attempt).strikes;
    if (isClosed) this.why = replyLine(attempt.reply);
    if (isClosed) this.#supply.pushedBack();
    else this.#supply.taken();
    this.#hasTakenPart ||= !isClosed;
    this.#isTurnedAway = isClosed && !this.#hasTakenPart;
  }
}

async function unlessVoid(holds: boolean | Promise<boolean>): Promise<void> {
  if (!(await holds)) throw new Fault('lease-void', 'a lease ended before its message was sent');
}
