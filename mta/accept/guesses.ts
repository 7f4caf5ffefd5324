/**
 * Who has given wrong secrets too often, and may not try for a while.
 *
 * Counted by account and network together, and by network over all accounts; never by account alone: then anybody could
 * lock the owner out by guessing. An IPv6 network of 64 bits is one. While it is locked nothing is tried, right or
 * wrong, so a guesser learns nothing; the lock ends by itself. Memory is bounded: what is oldest is forgotten.
 */
import { networkOf } from '#lib/address/network.ts';
import { type Clock, type Duration, minutes } from '#lib/run/clock.ts';

/** Wrong secrets are counted so long, and a lock lasts as long from the last of them. */
const WINDOW: Duration = minutes(15);
/** A network may be wrong about so many times as many accounts: many people share one. */
const ACCOUNTS = 5;
const MOST_KEPT = 50_000;

interface Count {
  wrong: number;
  until: Duration;
}

export class Guesses {
  readonly #clock: Clock;
  readonly #most: () => number;
  readonly #counts = new Map<string, Count>();

  /** `most` wrong secrets for one account from one network; asked each time. */
  constructor(clock: Clock, most: () => number) {
    this.#clock = clock;
    this.#most = most;
  }

  /** For how long it is locked; undefined when it is not. */
  lockedFor(username: string, address: string): Duration | undefined {
    const network = networkOf(address);
    const ends = [
      this.#lockOf(pair(username, network), this.#most()),
      this.#lockOf(network, this.#most() * ACCOUNTS),
    ].filter((it) => it !== undefined);
    return ends.length === 0 ? undefined : Math.max(...ends) - this.#clock.monotonic();
  }

  wrong(username: string, address: string): void {
    const network = networkOf(address);
    this.#count(pair(username, network));
    this.#count(network);
  }

  /** Whoever has the right secret is no guesser of this account; he may be of others. */
  right(username: string, address: string): void {
    this.#counts.delete(pair(username, networkOf(address)));
  }

  #lockOf(key: string, most: number): Duration | undefined {
    const count = this.#counts.get(key);
    return count && count.wrong >= most && count.until > this.#clock.monotonic() ? count.until : undefined;
  }

  #count(key: string): void {
    const now = this.#clock.monotonic();
    const before = this.#counts.get(key);
    const wrong = before && before.until > now ? before.wrong + 1 : 1;
    this.#counts.delete(key);
    this.#counts.set(key, { wrong, until: now + WINDOW });
    const [oldest] = this.#counts.keys();
    if (oldest !== undefined && this.#counts.size > MOST_KEPT) this.#counts.delete(oldest);
  }
}

/** A name may be as long as a line; neither part has a NUL. */
const pair = (username: string, network: string): string => `${network}\0${username.slice(0, 255)}`;
