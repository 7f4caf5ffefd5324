/**
 * A moment by which something must have happened, moved often and reached seldom.
 *
 * Moving it costs a look at the clock: one timer is set, and set again only when it fires too early.
 */
import type { Clock, Duration, Timer } from './clock.ts';

export class Deadline {
  readonly #clock: Clock;
  readonly #missed: () => void;
  /** On the monotonic clock; undefined when nothing is due. */
  #due: Duration | undefined;
  #timer: Timer | undefined;
  #fires: Duration = 0;

  constructor(clock: Clock, missed: () => void) {
    this.#clock = clock;
    this.#missed = missed;
  }

  /** Due after `delay` from now. */
  set(delay: Duration): void {
    this.#due = this.#clock.monotonic() + delay;
    this.#arm(this.#due);
  }

  /** Moves a deadline that is set on by `by`, never further than `furthest` from now. */
  extend(by: Duration, furthest: Duration): void {
    if (this.#due === undefined) return;
    this.#due = Math.min(this.#due + by, this.#clock.monotonic() + furthest);
    this.#arm(this.#due);
  }

  /** Moves a deadline that is set to at most `most` from now. */
  shorten(most: Duration): void {
    if (this.#due !== undefined) this.set(Math.min(this.#due - this.#clock.monotonic(), most));
  }

  /** Nothing is due any more. */
  clear(): void {
    this.#due = undefined;
  }

  /** Clears, and leaves no timer behind. */
  stop(): void {
    this.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(due: Duration): void {
    if (this.#timer && this.#fires <= due) return;
    this.#timer?.cancel();
    this.#fires = due;
    this.#timer = this.#clock.after(due - this.#clock.monotonic(), () => this.#fired());
  }

  #fired(): void {
    this.#timer = undefined;
    if (this.#due === undefined) return;
    if (this.#due > this.#clock.monotonic()) return this.#arm(this.#due);
    this.#due = undefined;
    this.#missed();
  }
}
