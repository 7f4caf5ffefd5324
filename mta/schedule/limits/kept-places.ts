/**
 * Places here that are kept for connections whose room elsewhere is being asked for: of many that wait for a place as many ask
 * others as there are places, and not all of them each time that one is free. No I/O.
 *
 * Who asked comes back soon, and has its place then; whoever does not loses it.
 */
import { type Clock, type Duration, milliseconds } from '#lib/run/clock.ts';

/** Twice as long as an answer may take. */
const KEPT: Duration = milliseconds(200);
/** When so many ask, the next waits: the answers to thousands at once would all be late, and all would ask again. */
const MOST_ASKING = 200;

export class KeptPlaces {
  readonly #clock: Clock;
  /** Monotonic, by who asked; the oldest first. */
  readonly #until = new Map<string, Duration>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  keepFor(who: string): void {
    this.#until.delete(who);
    this.#until.set(who, this.#clock.monotonic() + KEPT);
  }

  /** It has come back. */
  end(who: string): void {
    this.#until.delete(who);
  }

  /** How many places nobody else may have. */
  get places(): number {
    this.#sweep();
    return this.#until.size < MOST_ASKING ? this.#until.size : Infinity;
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    for (const [who, until] of this.#until) {
      if (until > now) break;
      this.#until.delete(who);
    }
  }
}
