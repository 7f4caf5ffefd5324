/**
 * Which of the addresses that are declared this machine holds, looked at every few seconds: as BIND would find it.
 *
 * Promises: `current` is sorted; listeners are told after each change; what could not be looked at, because descriptors or ports are
 * used up, stays as it was. On a machine with `net.ipv4.ip_nonlocal_bind` every address looks held.
 */
import type { Clock, Duration, Timer } from '#lib/run/clock.ts';
import { seconds } from '#lib/run/clock.ts';
import type { Attempted } from './dialogue.ts';

export interface HeldAddressesOptions {
  readonly clock: Clock;
  readonly declared: () => ReadonlySet<string>;
  /** Does not reject. */
  readonly bind: (address: string) => Promise<Attempted>;
}

const EVERY: Duration = seconds(5);
const AT_ONCE = 64;

export class HeldAddresses {
  readonly #options: HeldAddressesOptions;
  readonly #listeners = new Set<() => void>();
  #current: readonly string[] = [];
  #timer: Timer | undefined;
  #looking: Promise<void>;
  #isClosed = false;

  /** Begins to look. */
  constructor(options: HeldAddressesOptions) {
    this.#options = options;
    this.#looking = this.#look();
  }

  get current(): readonly string[] {
    return this.#current;
  }

  onChange(listener: () => void): () => void {
    const heard = (): void => listener();
    this.#listeners.add(heard);
    return () => void this.#listeners.delete(heard);
  }

  /** Looks no more. Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const all = [...this.#options.declared()].toSorted();
    const held: string[] = [];
    for (let at = 0; at < all.length; at += AT_ONCE) {
      const some = all.slice(at, at + AT_ONCE);
      const answers = await Promise.all(some.map((it) => this.#isHeld(it)));
      held.push(...some.filter((_, index) => answers[index]));
    }
    if (this.#isClosed) return;
    const isSame = held.join() === this.#current.join();
    this.#current = held;
    if (!isSame) for (const listener of this.#listeners) listener();
    this.#timer = this.#options.clock.after(EVERY, () => void (this.#looking = this.#look()));
  }

  async #isHeld(address: string): Promise<boolean> {
    const attempted = await this.#options.bind(address);
    if (attempted.kind === 'done') return true;
    return attempted.outcome !== 'unbound' && this.#current.includes(address);
  }
}
