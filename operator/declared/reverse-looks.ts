/**
 * Looks at the names of the addresses of pools: each hour, each minute while one is not as it should be, and when a pool changes.
 *
 * A look is made in the background; whoever asks gets the last one. What DNS cannot say now stays as it was said last.
 */
import type { LookUp } from '#lib/dns/lookup.ts';
import { type Reverse, reverseOf } from '#lib/dns/reverse.ts';
import { type Clock, type Duration, hours, minutes } from '#lib/run/clock.ts';

export interface ReverseLooksOptions {
  readonly clock: Clock;
  readonly lookUp: LookUp;
  /** A look has ended, at the addresses of the pool of this key. Must not throw. */
  readonly looked: (key: string) => void;
}

/** By address. */
export type Reverses = ReadonlyMap<string, Reverse>;

interface Look {
  readonly addresses: string;
  readonly endedAt: Duration;
  readonly found: Reverses;
}

const SLOW: Duration = hours(1);
const FAST: Duration = minutes(1);
const AT_ONCE = 16;

export class ReverseLooks {
  readonly #options: ReverseLooksOptions;
  readonly #last = new Map<string, Look>();
  /** Addresses that are looked at now, by pool. */
  readonly #looking = new Map<string, string>();

  constructor(options: ReverseLooksOptions) {
    this.#options = options;
  }

  /** The last look, undefined before the first; and when to ask again. Another is begun if it is time. */
  of(key: string, addresses: readonly string[]): { readonly found: Reverses | undefined; readonly again: Duration } {
    const last = this.#last.get(key);
    const isWell = last && Array.from(last.found.values()).every(({ kind }) => kind === 'confirmed');
    const again = isWell ? SLOW : FAST;
    const isOver = !last || this.#options.clock.monotonic() - last.endedAt >= again;
    const all = addresses.join();
    if ((isOver || last.addresses !== all) && this.#looking.get(key) !== all) void this.#look(key, addresses);
    return { found: last?.found, again };
  }

  /** The pool is no more. */
  drop(key: string): void {
    this.#last.delete(key);
    this.#looking.delete(key);
  }

  async #look(key: string, all: readonly string[]): Promise<void> {
    const { clock, lookUp, looked } = this.#options;
    const addresses = all.join();
    this.#looking.set(key, addresses);
    const before = this.#last.get(key)?.found;
    const found = new Map<string, Reverse>();
    for (let at = 0; at < all.length; at += AT_ONCE)
      await Promise.all(
        all.slice(at, at + AT_ONCE).map(async (address) => {
          const now = await reverseOf(address, lookUp);
          found.set(address, now.kind === 'unknown' ? (before?.get(address) ?? now) : now);
        }),
      );
    // Others are looked at meanwhile, or none.
    if (this.#looking.get(key) !== addresses) return;
    this.#looking.delete(key);
    this.#last.set(key, { addresses, endedAt: clock.monotonic(), found });
    looked(key);
  }
}
