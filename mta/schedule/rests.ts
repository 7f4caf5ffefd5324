/**
 * What rests, why, and for how long: a site that cannot be reached, a source that one site refuses, what was suspended.
 *
 * Rests double from failure to failure, up to ten minutes. When a rest is over, one connection probes; until it has
 * ended well everything else under that name goes on waiting, so that a dead site costs one connection an interval
 * however much mail waits. Failures are remembered a while after a rest, so that mail that comes in between finds
 * them. A suspension lasts as long as was said, whatever is answered meanwhile. Memory is what has failed in the last
 * hour. No I/O.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';
import { minutes, seconds } from '#lib/run/clock.ts';

interface Rest {
  failures: number;
  /** Monotonic. */
  until: Duration;
  isProbed: boolean;
  /** Somebody decided it; what is answered meanwhile does not end it. */
  isSuspended: boolean;
  why: string | undefined;
}

/**
 * `clear`: nothing is known against it. `probe`: one may try. `probed`: one does, and its end will tell. `wait`: nobody may,
 * for so long.
 */
export type RestState =
  | { readonly kind: 'clear' | 'probe' | 'probed' }
  | { readonly kind: 'wait'; readonly wait: Duration };

const FIRST_REST: Duration = seconds(15);
const LONGEST_REST: Duration = minutes(10);
const FORGET_AFTER: Duration = minutes(60);
const SWEEP_EVERY = 1000;

export class Rests {
  readonly #clock: Clock;
  readonly #rests = new Map<string, Rest>();
  #changes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(name: string): RestState {
    const rest = this.#rests.get(name);
    if (!rest) return { kind: 'clear' };
    const wait = rest.until - this.#clock.monotonic();
    if (wait > 0) return { kind: 'wait', wait };
    return { kind: rest.isProbed ? 'probed' : 'probe' };
  }

  /** Why it failed or was suspended the last time; undefined once it takes mail. */
  troubleOf(name: string): string | undefined {
    return this.#rests.get(name)?.why;
  }

  isSuspended(name: string): boolean {
    const rest = this.#rests.get(name);
    return rest !== undefined && rest.isSuspended && rest.until > this.#clock.monotonic();
  }

  /** How long it rests if it fails now. */
  pauseOf(name: string): Duration {
    return Math.min(FIRST_REST * 2 ** (this.#rests.get(name)?.failures ?? 0), LONGEST_REST);
  }

  /** A connection goes to see. It ends in `failed`, `reached` or `abandoned`. */
  probe(name: string): void {
    const rest = this.#rests.get(name);
    if (rest) rest.isProbed = true;
  }

  /** It did not take mail. Failures while it rests already belong to the same failure. */
  failed(name: string, why?: string): void {
    const pause = this.pauseOf(name);
    const rest = this.#restOf(name);
    rest.isProbed = false;
    const now = this.#clock.monotonic();
    if (rest.until > now) return;
    Object.assign(rest, { until: now + pause, failures: rest.failures + 1, isSuspended: false, why });
  }

  /** Somebody decided that it rests for `wait`, if it does not rest longer anyway. */
  suspend(name: string, wait: Duration, why: string): void {
    const rest = this.#restOf(name);
    const until = this.#clock.monotonic() + wait;
    if (until > rest.until) Object.assign(rest, { until, isSuspended: true, why });
  }

  /** It takes mail. Whether it had been resting, or remembered for it. */
  reached(name: string): boolean {
    const rest = this.#rests.get(name);
    if (!rest || !this.isSuspended(name)) return this.#rests.delete(name);
    rest.failures = 0;
    return false;
  }

  /** The probe ended without an answer to the question: another may try. */
  abandoned(name: string): void {
    const rest = this.#rests.get(name);
    if (rest) rest.isProbed = false;
  }

  /** Whatever rests at a site, the site itself or a source there, rests no longer: somebody says so. */
  endAt(site: string): void {
    for (const name of this.#rests.keys()) if (name === site || name.endsWith(` at ${site}`)) this.#rests.delete(name);
  }

  #restOf(name: string): Rest {
    this.#sweep();
    const known = this.#rests.get(name);
    if (known) return known;
    const rest = { failures: 0, until: -Infinity, isProbed: false, isSuspended: false, why: undefined };
    this.#rests.set(name, rest);
    return rest;
  }

  /** What nobody has come back to for long is forgotten. */
  #sweep(): void {
    this.#changes += 1;
    if (this.#changes % SWEEP_EVERY > 0) return;
    const before = this.#clock.monotonic() - FORGET_AFTER;
    for (const [name, { until }] of this.#rests) if (until < before) this.#rests.delete(name);
  }
}
