/**
 * Turns attempts into outcomes and makes them durable: record first, then act.
 *
 * An outcome is on disk with its event before anything is told of it, within a few milliseconds of the peer's reply:
 * settlements gather while one write runs and share the next. If writing fails nothing is forgotten: the leases stay
 * held, the same settlements are tried again, and `ready` keeps whoever sends from going on, because what cannot be
 * recorded must not be sent (it would be sent twice).
 */
import type { Clock, Duration, Instant } from '#lib/run/clock.ts';
import { minutes, seconds, sleep } from '#lib/run/clock.ts';
import type { Attempt } from '../mail/attempt.ts';
import { type EventType, type MailEvent, ofMessage } from '../mail/event.ts';
import type { Outcome } from '../mail/outcome.ts';
import type { Claim, Lease, Queue, Settlement } from '../queue/queue.ts';
import { reply, replyLine } from '../mail/reply.ts';
import { scopeOf } from '../mail/scope.ts';
import { classify, type Verdict } from './classify.ts';
import type { Meaning } from './rules/meaning.ts';
import type { Course, Firing } from '../mail/firing.ts';
import type { Firings } from './rules/firings.ts';
import { owesReport } from './owing.ts';
import type { Rule } from './rules/rule.ts';

export interface SettlerOptions {
  readonly queue: Queue;
  readonly claim: Claim;
  readonly clock: Clock;
  readonly firings: Firings;
  /** The rules for what was said in this attempt, in the order they are tried. */
  readonly rulesOf: (lease: Lease, attempt: Attempt) => readonly Rule[];
  /**
   * When to try again after this attempt, or undefined when the message has expired (`schedule/retry.ts`). `first`: the
   * wait after a first attempt, where the reply asks for one.
   */
  readonly nextAttempt: (lease: Lease, attempts: number, first?: Duration) => Instant | undefined;
  /** Where the attempt went, for rules that are about more than one message. */
  readonly courseOf: (lease: Lease, attempt: Attempt) => Course;
  /** Told of a rule that fired, when its event is durable. Must not throw. */
  readonly fire: (firing: Firing) => void;
  /** Told of an address that is to be suppressed, when the event that says why is durable. Must not throw. */
  readonly suppress: (event: MailEvent) => void;
  /** What is done with a message that the receiver may have taken. */
  readonly onInDoubt: (lease: Lease) => 'Retry' | 'Hold' | 'AssumeDelivered';
  /** When a message's life ends. */
  readonly expiresAt: (lease: Lease) => Instant;
  /** Told of each event that is durable, and of the attempt it is about. Must not throw. */
  readonly tell: (event: MailEvent, lease: Lease, attempt: Attempt) => void;
  /** Told when outcomes cannot be written, once per try. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
  /** Told of outcomes the queue refused because their lease was void: each may be sent again. Must not throw. */
  readonly refused: (settlements: readonly Settlement[]) => void;
}

/** Longest reply text kept in an event: a peer's words never fill our disk. */
const REPLY_LIMIT = 1024;
/** Outcomes not yet durable at which sending pauses. */
const UNSETTLED_LIMIT = 2000;
const RETRY_PAUSE: Duration = seconds(1);
/** Leases whose outcome cannot be written are held on while it is tried again. */
const HOLD: Duration = minutes(30);

const EVENT_OF: Record<Outcome['kind'], EventType> = {
  delivered: 'delivered',
  bounced: 'bounced',
  expired: 'expired',
  later: 'deferred',
};

/** A settlement, and what is done when it is durable. */
interface Gathered extends Settlement {
  readonly firing: Firing | undefined;
  readonly suppresses: boolean;
  readonly attempt: Attempt;
}

export class Settler {
  readonly #options: SettlerOptions;
  #gathering: Gathered[] = [];
  #writing: Promise<void> | undefined;
  #unsettled = 0;
  #troubled = false;
  #waiting: (() => void)[] = [];

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** The attempt's outcome will be durable soon; nothing to wait for. */
  settle(lease: Lease, attempt: Attempt): void {
    const verdict = classify(attempt, lease.attempts + 1, () => this.#options.rulesOf(lease, attempt));
    const outcome = this.#outcomeOf(lease, attempt, verdict);
    const event = this.#eventOf(lease, attempt, outcome, verdict);
    this.#gathering.push({
      lease,
      attempt,
      outcome,
      owesReport: owesReport(lease, outcome, attempt, this.#options.clock.now()),
      ...this.#consider(lease, attempt, verdict, event),
    });
    this.#unsettled += 1;
    this.#writing ??= Promise.resolve().then(() => this.#writeAll());
  }

  /** Resolves when sending may go on: outcomes can be written and few are waiting. */
  ready(): Promise<void> | undefined {
    if (!this.#troubled && this.#unsettled < UNSETTLED_LIMIT) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when every outcome so far is durable. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  /** The event, with what its reply sets off. */
  #consider(
    lease: Lease,
    attempt: Attempt,
    verdict: Verdict,
    event: MailEvent,
  ): Pick<Gathered, 'event' | 'firing' | 'suppresses'> {
    if (verdict.kind === 'delivered') return { event, firing: undefined, suppresses: false };
    const { meaning } = verdict;
    const firing = this.#options.firings.of(meaning, () => this.#options.courseOf(lease, attempt), event.reply);
    const fired = firing && { action: firing.action, scope: firing.scope, until: firing.until };
    const suppresses =
      lease.message.via !== 'system' && this.#options.firings.suppresses(meaning, event.tenant, event.recipient);
    return { event: fired ? { ...event, fired } : event, firing, suppresses };
  }

  #outcomeOf(lease: Lease, attempt: Attempt, verdict: Verdict): Outcome {
    if (verdict.kind === 'delivered') return { kind: 'delivered', reply: attempt.reply };
    if (verdict.meaning.outcome === 'bounced') return { kind: 'bounced', reply: attempt.reply };
    if (attempt.inDoubt && this.#options.onInDoubt(lease) !== 'Retry') return this.#outcomeInDoubt(lease, attempt);
    if (!scopeOf(attempt).counts) return this.#outcomeOfPause(lease, attempt);
    const due = this.#options.nextAttempt(lease, lease.attempts + 1, firstWaitOf(verdict.meaning));
    if (due === undefined) return expired(attempt);
    return { kind: 'later', reply: attempt.reply, due, ...againFrom(attempt, verdict.meaning) };
  }

  #outcomeInDoubt(lease: Lease, { reply: said }: Attempt): Outcome {
    if (this.#options.onInDoubt(lease) === 'AssumeDelivered') return { kind: 'delivered', reply: said };
    return { kind: 'later', reply: said, due: this.#options.clock.now(), held: true };
  }

  /** No attempt was made at the mail: it waits with its site, for as long as it lives. */
  #outcomeOfPause(lease: Lease, { reply: said, pause = 0 }: Attempt): Outcome {
    const now = this.#options.clock.now();
    const due = Math.min(now + pause, Math.max(this.#options.expiresAt(lease), now));
    return { kind: 'later', reply: said, due, uncounted: true };
  }

  #eventOf(lease: Lease, attempt: Attempt, outcome: Outcome, verdict: Verdict): MailEvent {
    const { message } = lease;
    return {
      v: 1,
      at: this.#options.clock.now(),
      type: EVENT_OF[outcome.kind],
      message: message.id,
      index: lease.index,
      tenant: message.tenant,
      sender: message.sender,
      recipient: lease.recipient,
      reply: replyLine(outcome.reply).slice(0, REPLY_LIMIT),
      attempt: outcome.kind === 'later' && outcome.uncounted ? lease.attempts : lease.attempts + 1,
      ...ofMessage(message),
      ...(outcome.kind === 'later' && (outcome.held ? { held: true } : { due: outcome.due })),
      ...present({ host: attempt.host, source: attempt.source, tls: attempt.tls, took: attempt.took }),
      ...(verdict.kind === 'failed' && {
        stage: attempt.stage,
        class: verdict.meaning.class,
        rule: verdict.meaning.rule,
      }),
      ...(attempt.inDoubt ? { inDoubt: true as const } : {}),
    };
  }

  async #writeAll(): Promise<void> {
    while (this.#gathering.length > 0) {
      const batch = this.#gathering;
      this.#gathering = [];
      await this.#write(batch);
      this.#unsettled -= batch.length;
      for (const resume of this.#waiting.splice(0)) resume();
    }
    this.#writing = undefined;
  }

  async #write(batch: readonly Gathered[]): Promise<void> {
    const { queue, claim, clock, troubled } = this.#options;
    for (;;) {
      try {
        const refused = await queue.settle(claim, batch);
        this.#troubled = false;
        if (refused.length > 0) this.#options.refused(refused);
        for (const settlement of batch) if (!refused.includes(settlement)) this.#act(settlement);
        return;
      } catch (thrown) {
        this.#troubled = true;
        troubled(thrown);
        queue.renew(
          [...batch, ...this.#gathering].map((it) => it.lease),
          HOLD,
        );
        await sleep(clock, RETRY_PAUSE);
      }
    }
  }

  /** Everything that follows from what is on record now. */
  #act({ event, lease, attempt, firing, suppresses }: Gathered): void {
    const { tell, fire, suppress } = this.#options;
    tell(event, lease, attempt);
    if (firing) fire(firing);
    if (suppresses) suppress(event);
  }
}

/** How long the mail itself waits first, where the reply says so. */
function firstWaitOf({ action, by }: Meaning): Duration | undefined {
  if (action === 'split') return 0;
  if (action === 'other-source') return minutes(1);
  return action === 'retry' ? by?.duration : undefined;
}

/** Who says when to come back knows us by our address: the triplet of greylisting includes it. */
const againFrom = ({ source }: Attempt, { action, by }: Meaning): { readonly from?: string } =>
  action === 'retry' && by?.duration !== undefined && source !== undefined ? { from: source } : {};

/** RFC 5321 §4.5.4.1; the last reply is kept, because it says why. */
const expired = (attempt: Attempt): Outcome => ({
  kind: 'expired',
  reply: reply(554, '5.4.7', `message expired; last reply: ${replyLine(attempt.reply)}`),
});

/** The fields that have a value. */
const present = <T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
