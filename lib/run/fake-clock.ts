/**
 * A clock that tests move by hand. Timers fire in due order inside `advance`, never on their own.
 */
import type { Clock, Duration, Instant, Timer } from './clock.ts';

interface Pending {
  readonly due: Duration;
  readonly fire: () => void;
}

export class FakeClock implements Clock {
  #elapsed: Duration = 0;
  #wall: Instant;
  readonly #pending = new Set<Pending>();

  constructor(start: Instant = Date.UTC(2026, 0, 1)) {
    this.#wall = start;
  }

  now(): Instant {
    return this.#wall;
  }

  monotonic(): Duration {
    return this.#elapsed;
  }

  after(delay: Duration, fire: () => void): Timer {
    const pending: Pending = { due: this.#elapsed + Math.max(delay, 0), fire };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** How many timers are set: a leaked timer shows here. */
  get timers(): number {
    return this.#pending.size;
  }

  /** When the next timer fires, on the monotonic clock; Infinity when none is set. */
  get next(): Duration {
    return this.#earliest(Infinity)?.due ?? Infinity;
  }

  /** Moves both clocks on by `by` and fires what becomes due, in order. */
  advance(by: Duration): void {
    const end = this.#elapsed + by;
    for (let next = this.#earliest(end); next; next = this.#earliest(end)) {
      this.#pending.delete(next);
      this.#moveTo(Math.max(next.due, this.#elapsed));
      next.fire();
    }
    this.#moveTo(end);
  }

  /** Time goes on, in steps, until `work` has ended. */
  async until<T>(work: Promise<T>, step: Duration = 100): Promise<T> {
    const state = { isOver: false };
    const over = (): void => void (state.isOver = true);
    work.then(over, over);
    while (!state.isOver) {
      await new Promise(setImmediate);
      this.advance(step);
    }
    return work;
  }

  /** Sets wall time alone, as an administrator or NTP does. */
  setWall(instant: Instant): void {
    this.#wall = instant;
  }

  #moveTo(elapsed: Duration): void {
    this.#wall += elapsed - this.#elapsed;
    this.#elapsed = elapsed;
  }

  #earliest(limit: Duration): Pending | undefined {
    let earliest: Pending | undefined;
    for (const pending of this.#pending)
      if (pending.due <= limit && (!earliest || pending.due < earliest.due)) earliest = pending;
    return earliest;
  }
}
