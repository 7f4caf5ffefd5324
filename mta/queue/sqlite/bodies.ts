/**
 * Bytes of the messages that leases hold, bounded over all of them together. No I/O.
 *
 * A message counts once, however many of its entries are leased. Whoever leases reserves room first, of all there is, and
 * waits for it, tenants in turn; leases that are being read at that moment may go beyond by their last messages. A lane may go on
 * leasing while it holds no more than a quarter of what is free, a tenant while it holds no more than four times that
 * (dynamic thresholds: Choudhury & Hahne, 1998), so that no receiver that takes large mail slowly has the room of others: a
 * lane that holds nothing waits only when there is nothing left, or its tenant has four fifths.
 */
import { type LaneName, tenantOf } from '../queue.ts';

/** Room for one lease, until it is known what it holds. */
export interface Room {
  release(): void;
}

interface Body {
  readonly lane: LaneName;
  readonly bytes: number;
  leases: number;
}

interface Waiter {
  readonly lane: LaneName;
  readonly bytes: number;
  readonly resolve: (room: Room) => void;
}

/** What one may hold, as a part of what is free. */
const LANE = 1 / 4;
const TENANT = 4;

export class Bodies {
  readonly #limit: number;
  readonly #bodies = new Map<number, Body>();
  readonly #heldBy = new Map<string, number>();
  /** Of each tenant that waits, in the order they came; first the tenant whose turn it is. Each is looked at, not each that waits. */
  readonly #waiting = new Map<string, Set<Waiter>>();
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Held and reserved. */
  get used(): number {
    return this.#used;
  }

  /** Room for `bytes`, now or in turn. */
  reserve(lane: LaneName, bytes: number): Room | Promise<Room> {
    // Whoever waits does not fit, or would not wait any more.
    if (this.#fits(lane, bytes)) return this.#take(bytes);
    const tenant = tenantOf(lane);
    const waiters = this.#waiting.get(tenant) ?? new Set<Waiter>();
    this.#waiting.set(tenant, waiters);
    return new Promise((resolve) => waiters.add({ lane, bytes, resolve }));
  }

  /** One more entry of a message is leased. Counts, whether there is room or not. */
  hold(message: number, lane: LaneName, bytes: number): void {
    const body = this.#bodies.get(message) ?? { lane, bytes, leases: 0 };
    if (body.leases === 0) this.#count(lane, bytes);
    body.leases += 1;
    this.#bodies.set(message, body);
  }

  /** One entry less. */
  drop(message: number): void {
    const body = this.#bodies.get(message);
    if (!body) return;
    body.leases -= 1;
    if (body.leases > 0) return;
    this.#bodies.delete(message);
    this.#count(body.lane, -body.bytes);
    this.#serve();
  }

  #take(bytes: number): Room {
    this.#used += bytes;
    let isTaken = true;
    return {
      release: () => {
        if (!isTaken) return;
        isTaken = false;
        this.#used -= bytes;
        this.#serve();
      },
    };
  }

  /** One of each tenant in turn, until nobody fits. */
  #serve(): void {
    for (const [tenant, waiters] of this.#waiting) {
      const [first] = waiters;
      if (first && this.#used > 0 && this.#limit - this.#used < first.bytes) return;
      const waiter = this.#firstThatFits(tenant, waiters);
      if (!waiter) continue;
      waiters.delete(waiter);
      // Behind the others: there it is looked at once more.
      this.#waiting.delete(tenant);
      if (waiters.size > 0) this.#waiting.set(tenant, waiters);
      waiter.resolve(this.#take(waiter.bytes));
    }
  }

  /** Whose lane has too much lets those behind it pass. */
  #firstThatFits(tenant: string, waiters: ReadonlySet<Waiter>): Waiter | undefined {
    for (const waiter of waiters) {
      if (!this.#hasRoom(tenant, TENANT, waiter.bytes)) return undefined;
      if (this.#hasRoom(waiter.lane, LANE, waiter.bytes)) return waiter;
    }
    return undefined;
  }

  #fits(lane: LaneName, bytes: number): boolean {
    return this.#hasRoom(tenantOf(lane), TENANT, bytes) && this.#hasRoom(lane, LANE, bytes);
  }

  /** What is held is never below zero, so nothing fits where nothing is free. */
  #hasRoom(by: string, part: number, bytes: number): boolean {
    return this.#used === 0 || this.#held(by) <= (this.#limit - this.#used - bytes) * part;
  }

  #held(by: string): number {
    return this.#heldBy.get(by) ?? 0;
  }

  #count(lane: LaneName, change: number): void {
    this.#used += change;
    for (const by of [lane, tenantOf(lane)]) {
      const held = this.#held(by) + change;
      if (held > 0) this.#heldBy.set(by, held);
      else this.#heldBy.delete(by);
    }
  }
}
