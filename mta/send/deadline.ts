/**
 * One timer for a connection, however often its deadline moves.
 *
 * Moving a deadline back only writes a number: the timer that is set fires early, sees that it is early and sets itself
 * again. At thousands of commands a second that is a timer every few minutes instead of two per command.
 */
import type { Clock, Duration, Timer } from '#lib/run/clock.ts';

export class Deadline {
  readonly #clock: Clock;
  readonly #passed: () => void;
  #due = Infinity;
  #timer: Timer | undefined;
  #timerDue = Infinity;

  /** `passed` is called once for each deadline that is reached. */
  constructor(clock: Clock, passed: () => void) {
    this.#clock = clock;
    this.#passed = passed;
  }

  /** Moves the deadline to `delay` from now. */
  set(delay: Duration): void {
    this.#due = this.#clock.monotonic() + delay;
    if (this.#due < this.#timerDue) this.#start(delay);
  }

  /** Nothing is due. The timer may stay set and will find nothing. */
  clear(): void {
    this.#due = Infinity;
  }

  /** Clears, and takes the timer away. */
  cancel(): void {
    this.clear();
    this.#timer?.cancel();
    this.#timerDue = Infinity;
  }

  #start(delay: Duration): void {
    this.#timer?.cancel();
    this.#timerDue = this.#clock.monotonic() + delay;
    this.#timer = this.#clock.after(delay, () => this.#fired());
  }

  #fired(): void {
    this.#timerDue = Infinity;
    if (this.#due === Infinity) return;
    const left = this.#due - this.#clock.monotonic();
    if (left > 0) return this.#start(left);
    this.#due = Infinity;
    this.#passed();
  }
}
