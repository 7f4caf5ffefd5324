/**
 * The clock of a process that can die: time is the machine's, timers are its own and end with it.
 */
import type { Clock, Duration, Instant, Timer } from '#lib/run/clock.ts';
import type { FakeClock } from '#lib/run/fake-clock.ts';

export class ProcessClock implements Clock {
  readonly #machine: FakeClock;
  readonly #timers = new Set<Timer>();
  #isDead = false;

  constructor(machine: FakeClock) {
    this.#machine = machine;
  }

  /** Whole milliseconds, as clocks of machines tell them. */
  now = (): Instant => Math.floor(this.#machine.now());
  monotonic = (): Duration => this.#machine.monotonic();

  after(delay: Duration, fire: () => void): Timer {
    if (this.#isDead) return { cancel: () => undefined };
    const timer = this.#machine.after(delay, () => {
      this.#timers.delete(timer);
      fire();
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Nothing of the process happens any more. */
  die(): void {
    this.#isDead = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}
