/**
 * Bytes of the messages that leases hold, bounded over all of them together. No I/O.
 *
 * A message counts once, however many of its entries are leased. Whoever leases reserves room first, of all there is, and
 * waits for it in turn; leases that are being read at that moment may go beyond by their last messages. A lane may go on
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
  /** In the order they came. */
  readonly #waiting = new Set<Waiter>();
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
    return new Promise((resolve) => this.#waiting.add({ lane, bytes, resolve }));
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

  /** Who does not fit lets those behind it pass. */
  #serve(): void {
    for (const waiter of this.#waiting) {
      if (this.#used > 0 && this.#limit - this.#used < waiter.bytes) return;
      if (!this.#fits(waiter.lane, waiter.bytes)) continue;
      this.#waiting.delete(waiter);
      waiter.resolve(this.#take(waiter.bytes));
    }
  }

  #fits(lane: LaneName, bytes: number): boolean {
    const free = this.#limit - this.#used - bytes;
    const [ofLane, ofTenant] = [this.#held(lane), this.#held(tenantOf(lane))];
    // What is held is never below zero, so nothing fits where nothing is free.
    return this.#used === 0 || (ofLane <= free * LANE && ofTenant <= free * TENANT);
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
