/**
 * One ready queue: the lanes that share connections to a site, the connections they have, and what they wait for.
 *
 * Holds state and answers questions about it; what is done with it is the scheduler's business. No I/O.
 */
import type { Clock, Duration, Timer } from '#lib/run/clock.ts';
import type { Claim } from './limits/limits.ts';
import type { SiteState } from '../mail/explanation.ts';
import type { Offer } from '../mail/turn.ts';
import type { Plan } from './plan.ts';
import { ReadyLanes } from './ready.ts';
import { connectionsOf, narrowed, NEW_WINDOW, type Window, widened } from './window.ts';

/** An offer, and what its messages were taken from: the rules may be others when some are given back. */
export interface Allowed {
  readonly offer: Offer;
  readonly claims: readonly Claim[];
}

/** A connection that has nothing to send and stays open for a while. */
export interface Idle {
  /** What its messages count under beside the site's. */
  readonly claims: readonly Claim[];
  readonly timer: Timer;
  resolve(allowed: Allowed | undefined): void;
}

/** What is known of a ready queue, for metrics and people. */
export type ReadyState = Omit<SiteState, 'worker'>;

export class ReadyQueue {
  plan: Plan;
  readonly lanes = new ReadyLanes();
  readonly idle: Idle[] = [];
  active = 0;
  /** Why it waits, for people; undefined while it does not. */
  waitsFor: string | undefined;
  #window: Window = NEW_WINDOW;
  #timer: Timer | undefined;
  #wakesAt: Duration = Infinity;

  constructor(plan: Plan) {
    this.plan = plan;
  }

  get mayHaveMore(): boolean {
    return this.active < this.#most;
  }

  /** More than it may have by now: the limit was lowered, or the site pushed back. */
  get hasTooMany(): boolean {
    return this.active > this.#most;
  }

  /** Nothing is waiting, open or planned. */
  get isDone(): boolean {
    return this.active === 0 && this.lanes.size === 0 && this.#timer === undefined;
  }

  get #most(): number {
    return Math.min(connectionsOf(this.#window), this.plan.connections);
  }

  state(trouble: string | undefined): ReadyState {
    const { plan, active, lanes, waitsFor } = this;
    return {
      site: plan.site,
      ready: plan.ready,
      connections: active,
      lanes: lanes.size,
      ...(waitsFor !== undefined && { waitsFor }),
      ...(trouble !== undefined && { trouble }),
    };
  }

  /** A connection waits for an offer; `tired` is called when it has waited long enough. */
  wait(
    claims: readonly Claim[],
    clock: Clock,
    patience: Duration,
    tired: (idle: Idle) => void,
  ): Promise<Allowed | undefined> {
    return new Promise((resolve) => {
      const timer = clock.after(patience, () => tired(idle));
      const idle: Idle = { claims, timer, resolve };
      this.idle.push(idle);
    });
  }

  /** It waits no longer. */
  answer(idle: Idle, allowed: Allowed | undefined): void {
    this.idle.splice(this.idle.indexOf(idle), 1);
    idle.timer.cancel();
    idle.resolve(allowed);
  }

  widen(): void {
    this.#window = widened(this.#window, this.plan.connections);
  }

  narrow(): void {
    this.#window = narrowed(this.#window, this.active);
  }

  /** Calls `wake` once after `wait`, or sooner if it was to be woken sooner. */
  wakeAfter(clock: Clock, wait: Duration, wake: () => void): void {
    const at = clock.monotonic() + wait;
    if (at >= this.#wakesAt) return;
    this.#timer?.cancel();
    this.#wakesAt = at;
    this.#timer = clock.after(wait, () => {
      this.forget();
      wake();
    });
  }

  /** Nobody is woken any more. */
  forget(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#wakesAt = Infinity;
  }
}
