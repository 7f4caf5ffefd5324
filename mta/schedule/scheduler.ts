/**
 * Decides which connection sends from which lane next, and from which address.
 *
 * A lane that the queue has announced waits in the ready queue its plan names. There it is offered to an idle
 * connection, or a new one is started, as far as everything allows it: the site's window, its rest after failures, the
 * source, the limits on connections, openings and messages. What is refused is asked again when that may have changed,
 * and says meanwhile what it waits for. A trickle keeps to one connection, a flood widens the window within a second.
 *
 * Where a lane belongs is asked again whenever it is taken, so that after a change of the rules nothing leaves by the
 * old ones. No I/O: opening and sending is `start`'s business; what is due is the queue's.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';
import type { LaneName } from '../queue/queue.ts';
import { Connection, type Host, type Start } from './connection.ts';
import { IdlePlaces } from './idle-places.ts';
import type { Claim } from './limits/limits.ts';
import {
  ALL_CONNECTIONS,
  allowance,
  claimsOf,
  giveBackPermit,
  type Obstacle,
  permitFor,
  type PermitParts,
} from './permit.ts';
import type { Plan, Turn } from './plan.ts';
import { type Allowed, type Idle, ReadyQueue, type ReadyState } from './ready-queue.ts';
import type { Sources } from './source.ts';
import { Waiting } from './waiting.ts';

export interface SchedulerOptions extends PermitParts {
  readonly clock: Clock;
  readonly sources: Pick<Sources, 'choose' | 'opened' | 'ended' | 'sent'>;
  /** The plan of a lane now; or, while it is being found out, when to ask again. */
  readonly planOf: (lane: LaneName) => Plan | Promise<unknown>;
  /** Begins a connection. Must not throw. */
  readonly start: (turn: Turn) => void;
}

/** Messages offered at a time: enough to keep a connection busy, few enough to share fairly. */
const BATCH = 10;

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #host: Host;
  readonly #queues = new Map<string, ReadyQueue>();
  readonly #finding = new Set<LaneName>();
  /** Ready queues that found no room under a name. */
  readonly #waiting: Waiting<ReadyQueue>;
  readonly #idle = new IdlePlaces<ReadyQueue>();
  #active = 0;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#waiting = new Waiting(options.clock, (ready) => this.#serve(ready));
    this.#host = {
      ...options,
      isStopped: () => this.#stopped,
      announce: (lane) => this.announce(lane),
      serve: (ready) => this.#serve(ready),
      wake: (...names) => this.#wake(...names),
      nextOffer: (...of) => this.#nextOffer(...of),
      ended: () => (this.#active -= 1),
    };
  }

  /** A lane has something due. */
  announce(lane: LaneName): void {
    const plan = this.#options.planOf(lane);
    if (plan instanceof Promise) return this.#find(lane, plan);
    const ready = this.#queueOf(plan);
    ready.lanes.add(lane);
    this.#serve(ready);
  }

  /** The rules have changed: every lane that waits goes where it belongs now. */
  replan(): void {
    const lanes = [...this.#queues.values()].flatMap((ready) => {
      ready.forget();
      const waiting = ready.lanes.clear();
      this.#forgetIfDone(ready);
      return waiting;
    });
    for (const lane of lanes) this.announce(lane);
  }

  /** Nothing is sent to a site for so long: a connection under way ends after the message it is at. */
  suspend(site: string, wait: Duration, why: string): void {
    this.#options.rests.suspend(site, wait, why);
    for (const ready of this.#queues.values()) if (ready.plan.site === site) this.#endIdle(ready);
  }

  /** No connection is started any more; idle ones are told to end. */
  stop(): void {
    this.#stopped = true;
    this.#waiting.stop();
    for (const ready of this.#queues.values()) {
      ready.forget();
      this.#endIdle(ready);
    }
  }

  get active(): number {
    return this.#active;
  }

  /** Every ready queue that has connections, waits or rests. */
  states(): readonly ReadyState[] {
    return [...this.#queues.values()].map((it) => it.state(this.#options.rests.troubleOf(it.plan.site)));
  }

  /** Every lane that waits for more than its turn, and why mail did not go there the last time. */
  stuck(): { readonly lane: LaneName; readonly trouble: string | undefined }[] {
    return [...this.#queues.values()].flatMap((ready) => {
      if (ready.waitsFor === undefined) return [];
      const trouble = this.#options.rests.troubleOf(ready.plan.site);
      return ready.lanes.all().map((lane) => ({ lane, trouble }));
    });
  }

  /** Asks again once what is missing is known. */
  #find(lane: LaneName, found: Promise<unknown>): void {
    if (this.#finding.has(lane)) return;
    this.#finding.add(lane);
    const again = (): void => {
      this.#finding.delete(lane);
      this.announce(lane);
    };
    found.then(again, again);
  }

  #queueOf(plan: Plan): ReadyQueue {
    const known = this.#queues.get(plan.ready);
    if (known) {
      known.plan = plan;
      return known;
    }
    const ready = new ReadyQueue(plan);
    this.#queues.set(plan.ready, ready);
    return ready;
  }

  /** Hands waiting lanes to idle connections first, then to new ones. A ready queue left with nothing is forgotten. */
  #serve(ready: ReadyQueue): void {
    while (!this.#stopped && ready.lanes.size > 0) {
      if (!this.#serveIdle(ready) && !this.#start(ready)) break;
      ready.waitsFor = undefined;
    }
    this.#forgetIfDone(ready);
  }

  #serveIdle(ready: ReadyQueue): boolean {
    const idle = ready.idle.at(-1);
    const allowed = idle && this.#allow(ready, idle.claims);
    if (!idle || !allowed) return false;
    this.#wakeUp(ready, idle, allowed);
    return true;
  }

  #wakeUp(ready: ReadyQueue, idle: Idle, allowed: Allowed | undefined): void {
    ready.answer(idle, allowed);
    if (ready.idle.length === 0) this.#idle.remove(ready);
  }

  /** The next lane and how much of it may go, for a connection that is open. */
  #allow(ready: ReadyQueue, ofSource: readonly Claim[]): Allowed | undefined {
    const claims = claimsOf(ready.plan, ofSource);
    const messages = allowance(claims, BATCH, this.#options.limits);
    if (typeof messages !== 'number') return this.#postpone(ready, messages);
    const lane = this.#take(ready, messages);
    if (lane !== undefined) return { offer: { lane, most: messages }, claims };
    this.#options.limits.giveBack(claims, messages);
    return undefined;
  }

  /** A new connection, if everything allows one. */
  #start(ready: ReadyQueue): boolean {
    if (!ready.mayHaveMore) return false;
    const { plan } = ready;
    const permit = permitFor(plan, BATCH, this.#options);
    if (permit.kind === 'later') return this.#postpone(ready, permit) ?? false;
    const lane = this.#take(ready, permit.messages);
    if (lane !== undefined) this.#begin({ ready, plan, permit, offer: { lane, most: permit.messages } });
    else this.#wake(...giveBackPermit(permit, plan, this.#options.limits));
    return lane !== undefined;
  }

  /** Asks again after the time, or when there is room under the name. Who waits under a name shares one timer. */
  #postpone(ready: ReadyQueue, { why, wait, name }: Obstacle): undefined {
    ready.waitsFor = why;
    if (name !== undefined) {
      this.#waiting.add(name, ready);
      this.#endOneIdle(name);
    }
    if (wait === undefined) return;
    if (name !== undefined) this.#waiting.wakeAfter(name, wait);
    else ready.wakeAfter(this.#options.clock, wait, () => this.#serve(ready));
  }

  /** The next lane that still belongs here; others go where they belong now. */
  #take(ready: ReadyQueue, messages: number): LaneName | undefined {
    for (;;) {
      const lane = ready.lanes.take(messages);
      if (lane === undefined) return undefined;
      const plan = this.#options.planOf(lane);
      if (!(plan instanceof Promise) && plan.ready === ready.plan.ready) return lane;
      ready.lanes.refund(lane, messages);
      this.announce(lane);
    }
  }

  #endIdle(ready: ReadyQueue): void {
    for (const idle of ready.idle.slice()) this.#wakeUp(ready, idle, undefined);
  }

  /** An idle connection gives way to whoever has mail and needs its place. */
  #endOneIdle(name: string): void {
    const ready = this.#idle.first(name);
    const [idle] = ready?.idle ?? [];
    if (ready && idle) this.#wakeUp(ready, idle, undefined);
  }

  #begin(start: Start): void {
    this.#active += 1;
    this.#options.start(new Connection(this.#host, start));
  }

  async #nextOffer(ready: ReadyQueue, ofSource: readonly Claim[], patience: Duration): Promise<Allowed | undefined> {
    const allowed = ready.lanes.size > 0 ? this.#allow(ready, ofSource) : undefined;
    if (allowed) return allowed;
    this.#idle.add(ready, [ALL_CONNECTIONS, ...ready.plan.slots.map((it) => it.name)]);
    return ready.wait(ofSource, this.#options.clock, patience, (idle) => this.#wakeUp(ready, idle, undefined));
  }

  #wake(...names: readonly string[]): void {
    for (const name of names) this.#waiting.wake(name);
  }

  #forgetIfDone(ready: ReadyQueue): void {
    if (ready.isDone && this.#queues.get(ready.plan.ready) === ready) this.#queues.delete(ready.plan.ready);
  }
}
