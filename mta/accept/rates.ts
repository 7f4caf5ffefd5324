/**
 * How fast each credential hands in messages, against the rate it may.
 *
 * In memory: a restart lets a burst go again, no more. Without `burst` as many may come at once as the rate counts, because
 * a sender who is told to wait has to send again.
 */
import type { Duration } from '#lib/run/clock.ts';
import { NEVER_USED, type Rate, take, type UsedUntil } from '../mail/gcra.ts';

export class Rates {
  readonly #usedUntil = new Map<string, UsedUntil>();

  /** Takes one message; after how long there is room when there is none now. `now` is monotonic. */
  take(username: string, rate: Rate, now: Duration): Duration | undefined {
    const bursting = { ...rate, burst: rate.burst ?? rate.count };
    const { granted, usedUntil, again } = take(this.#usedUntil.get(username) ?? NEVER_USED, bursting, 1, now);
    this.#usedUntil.set(username, usedUntil);
    return granted > 0 ? undefined : again - now;
  }
}
