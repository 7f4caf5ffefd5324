/**
 * Memory for mail on its way in, by SMTP and HTTP, shared so that nobody can have all of it.
 *
 * Whoever takes some says for whom, the widest first: `tenant shop`, `credential shop.app`. The narrowest may hold as much
 * as is free, a wider one four times that: alone, a credential comes to half of the memory and a tenant to four fifths; the
 * more there are, the less each gets, and somebody who has nothing yet always finds room. Nothing is reserved, so
 * that no memory lies idle for senders that do not come.
 */

/** For whom memory is held, the widest first; at least one. */
export type Sharers = readonly string[];

/** What one message or request holds of the shared memory. */
export interface Hold {
  /** Holds `bytes` from now on, more or less than before; false, and nothing changes, when there is no room. */
  resize(bytes: number): boolean;
  /** Gives everything back; harmless when repeated. */
  release(): void;
}

/** A message below this never waits for room once its DATA was answered 354, unless memory ran out meanwhile. */
const FIRST_BLOCK = 64 * 1024;
/** What one may hold, as a multiple of what is free. */
const NARROWEST = 1;
const WIDER = 4;

export class ReceivingMemory {
  #used = 0;
  readonly #usedBy = new Map<string, number>();
  readonly #limit: () => number;

  /** `limit` is asked each time. */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** From 0 to 1. */
  get fill(): number {
    return this.#used / this.#limit();
  }

  /** Whether another message may begin. */
  hasRoom(sharers: Sharers): boolean {
    return this.#fits(sharers, FIRST_BLOCK);
  }

  /** `sharers` is asked whenever a hold begins anew. */
  hold(sharers: () => Sharers): Hold {
    let held = 0;
    let holders: Sharers = [];
    const resize = (bytes: number): boolean => {
      if (held === 0) holders = sharers();
      if (bytes > held && !this.#fits(holders, bytes - held)) return false;
      this.#count(holders, bytes - held);
      held = bytes;
      return true;
    };
    const release = (): void => {
      if (held > 0) this.#count(holders, -held);
      held = 0;
    };
    return { resize, release };
  }

  #fits(sharers: Sharers, more: number): boolean {
    const free = this.#limit() - this.#used - more;
    return free >= 0 && sharers.every((it, at) => this.#heldBy(it) + more <= free * share(sharers, at));
  }

  #heldBy(sharer: string): number {
    return this.#usedBy.get(sharer) ?? 0;
  }

  #count(sharers: Sharers, change: number): void {
    this.#used += change;
    for (const sharer of sharers) {
      const now = this.#heldBy(sharer) + change;
      if (now > 0) this.#usedBy.set(sharer, now);
      else this.#usedBy.delete(sharer);
    }
  }
}

const share = (sharers: Sharers, at: number): number => (at === sharers.length - 1 ? NARROWEST : WIDER);
