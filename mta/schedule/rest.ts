/**
 * A site's rest: until when nothing is started for it, why, and how long the next one will be.
 *
 * A site that cannot be reached rests, longer each time until it is reached; its failures are remembered for a while
 * after, so that mail that comes in between finds them. A site may also be suspended until a time, by name, whatever it
 * answers. No I/O but timers.
 */
import type { Clock, Duration, Instant, Timer } from '#lib/run/clock.ts';
import { minutes, seconds } from '#lib/run/clock.ts';

/** A site that cannot be reached is probed after this long, doubling up to the longest rest. */
const FIRST_REST: Duration = seconds(15);
const LONGEST_REST: Duration = minutes(10);
/** For so long after a rest, mail that comes finds the site's failures remembered. */
const MEMORY: Duration = 2 * LONGEST_REST;

export class Rest {
  readonly #clock: Clock;
  readonly #over: () => void;
  /** Failures to reach the site in a row. */
  #failures = 0;
  #until: Instant | undefined;
  #trouble: string | undefined;
  #isSuspended = false;
  #resting: Timer | undefined;
  #memory: Timer | undefined;

  /** `over` is called when a rest is over, and when failures are forgotten. */
  constructor(clock: Clock, over: () => void) {
    this.#clock = clock;
    this.#over = over;
  }

  /** Nothing is started. */
  get isOn(): boolean {
    return this.#resting !== undefined;
  }

  /** Nothing is started, and what is under way goes no further than the message it is at. */
  get isSuspended(): boolean {
    return this.isOn && this.#isSuspended;
  }

  /** The site was not reached the last time: one connection is enough. */
  get hasFailed(): boolean {
    return this.#failures > 0;
  }

  get isRemembered(): boolean {
    return this.isOn || this.#memory !== undefined;
  }

  /** When the rest ends. */
  get until(): Instant | undefined {
    return this.#until;
  }

  /** Why the site was not reached the last time, or was suspended. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** How long it rests if it cannot be reached now. */
  get pause(): Duration {
    return Math.min(FIRST_REST * 2 ** this.#failures, LONGEST_REST);
  }

  /** Connections that fail while the site rests already belong to the same failure. */
  unreachable(why: string | undefined): void {
    if (this.isOn) return;
    const { pause } = this;
    this.#failures += 1;
    this.#begin(this.#clock.now() + pause, why);
  }

  /** Until that time, if the site does not rest longer anyway. */
  suspend(until: Instant, why: string): void {
    if (until <= Math.max(this.#clock.now(), this.#until ?? 0)) return;
    this.#isSuspended = true;
    this.#begin(until, why);
  }

  reached(): void {
    this.#failures = 0;
    if (!this.isOn) this.#trouble = undefined;
    this.#memory?.cancel();
    this.#memory = undefined;
  }

  /** Sets no timer any more. */
  end(): void {
    this.#resting?.cancel();
    this.#memory?.cancel();
  }

  #begin(until: Instant, why: string | undefined): void {
    this.end();
    this.#memory = undefined;
    this.#trouble = why;
    this.#until = until;
    this.#resting = this.#clock.after(until - this.#clock.now(), () => this.#finish());
  }

  #finish(): void {
    this.#resting = undefined;
    this.#until = undefined;
    this.#isSuspended = false;
    if (this.hasFailed)
      this.#memory = this.#clock.after(MEMORY, () => {
        this.#memory = undefined;
        this.#over();
      });
    else this.#trouble = undefined;
    this.#over();
  }
}
