/**
 * Who waits for room under a name, in turn, and when there may be some without anybody saying so. No I/O.
 */
import type { Clock, Duration, Timer } from '#lib/run/clock.ts';

/** `at`: monotonic. */
interface Alarm {
  readonly at: Duration;
  readonly timer: Timer;
}

export class Waiting<Waiter> {
  readonly #clock: Clock;
  readonly #serve: (waiter: Waiter) => void;
  readonly #byName = new Map<string, Set<Waiter>>();
  readonly #alarms = new Map<string, Alarm>();
  /** Names whose waiters are being served. */
  readonly #waking = new Set<string>();

  /** `serve` is called for who waits when there may be room; it may add waiters. */
  constructor(clock: Clock, serve: (waiter: Waiter) => void) {
    this.#clock = clock;
    this.#serve = serve;
  }

  /** Waiting twice under a name is waiting once. */
  add(name: string, waiter: Waiter): void {
    const waiters = this.#byName.get(name) ?? new Set<Waiter>();
    this.#byName.set(name, waiters.add(waiter));
  }

  /**
   * There is room under a name: each that waits is served in turn, until one waits under it again. Who is served and has no use for
   * the room says so by waking its name: then it is the turn of the next already, and not one call deeper for each that waits.
   */
  wake(name: string): void {
    const waiters = this.#byName.get(name);
    if (!waiters || this.#waking.has(name)) return;
    this.#waking.add(name);
    this.#serveInTurn(waiters);
    this.#waking.delete(name);
    if (waiters.size === 0) this.#forget(name);
  }

  /** There may be room after `wait`, or sooner if that was said before: whoever waits then is woken, whoever that is. */
  wakeAfter(name: string, wait: Duration): void {
    const at = this.#clock.monotonic() + wait;
    const alarm = this.#alarms.get(name);
    if (alarm && alarm.at <= at) return;
    alarm?.timer.cancel();
    const timer = this.#clock.after(wait, () => {
      this.#alarms.delete(name);
      this.wake(name);
    });
    this.#alarms.set(name, { at, timer });
  }

  /** Nobody is woken by time any more. */
  stop(): void {
    for (const { timer } of this.#alarms.values()) timer.cancel();
    this.#alarms.clear();
  }

  #serveInTurn(waiters: Set<Waiter>): void {
    for (const waiter of waiters) {
      waiters.delete(waiter);
      this.#serve(waiter);
      if (waiters.has(waiter)) return;
    }
  }

  #forget(name: string): void {
    this.#byName.delete(name);
    this.#alarms.get(name)?.timer.cancel();
    this.#alarms.delete(name);
  }
}
