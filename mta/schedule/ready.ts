/**
 * The lanes of one ready queue, in fair turn: tenants share it by messages, and a tenant's own mail by its urgency.
 *
 * Tenants go round with a deficit each (Shreedhar & Varghese, "Efficient Fair Queuing Using Deficit Round Robin", 1996):
 * whoever has taken more than its share waits a round, so neither many lanes nor large ones are an advantage. Within a
 * tenant transactional lanes go first, and every fifth turn is for bulk while both wait. No I/O, constant time a lane.
 */
import { isBulk, type LaneName, tenantOf } from '../queue/queue.ts';

interface Share {
  /** Messages it may still take in this round; below zero it has taken them ahead. */
  credit: number;
  readonly transactional: Set<LaneName>;
  readonly bulk: Set<LaneName>;
  turns: number;
}

/** Messages a tenant may take each round. */
const QUANTUM = 10;
/** One turn of so many is for bulk. */
const BULK_EVERY = 5;

export class ReadyLanes {
  /** In turn: the first is next. */
  readonly #shares = new Map<string, Share>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adding a lane that waits already is harmless. */
  add(lane: LaneName): void {
    const share = this.#shareOf(tenantOf(lane));
    const lanes = isBulk(lane) ? share.bulk : share.transactional;
    if (lanes.has(lane)) return;
    lanes.add(lane);
    this.#size += 1;
  }

  /** The lane whose turn it is, charged with `messages`; undefined when none waits. */
  take(messages: number): LaneName | undefined {
    if (this.#size === 0) return undefined;
    for (const [tenant, share] of this.#shares) {
      const lane = share.credit > 0 ? this.#takeOf(share) : undefined;
      if (lane !== undefined) {
        share.credit -= messages;
        return lane;
      }
      this.#toTheEnd(tenant, share);
    }
    throw new Error('lanes are counted that are not there');
  }

  /** More goes from a lane than it was charged with. */
  charge(lane: LaneName, messages: number): void {
    this.#shareOf(tenantOf(lane)).credit -= messages;
  }

  /** Some of what a lane was charged with was not sent. */
  refund(lane: LaneName, messages: number): void {
    const share = this.#shares.get(tenantOf(lane));
    if (share) share.credit = Math.min(share.credit + messages, QUANTUM);
  }

  /** Every lane that waits. */
  all(): LaneName[] {
    const all: LaneName[] = [];
    for (const { transactional, bulk } of this.#shares.values()) all.push(...transactional, ...bulk);
    return all;
  }

  /** Takes every lane out. */
  clear(): LaneName[] {
    const all = this.all();
    this.#shares.clear();
    this.#size = 0;
    return all;
  }

  #shareOf(tenant: string): Share {
    const known = this.#shares.get(tenant);
    if (known) return known;
    const share: Share = { credit: QUANTUM, transactional: new Set(), bulk: new Set(), turns: 0 };
    this.#shares.set(tenant, share);
    return share;
  }

  #takeOf(share: Share): LaneName | undefined {
    share.turns += 1;
    const isBulkTurn = share.turns % BULK_EVERY === 0 || share.transactional.size === 0;
    const lanes = isBulkTurn && share.bulk.size > 0 ? share.bulk : share.transactional;
    for (const lane of lanes) {
      lanes.delete(lane);
      this.#size -= 1;
      return lane;
    }
    return undefined;
  }

  /** A round is over for a tenant: it gets its quantum and stands last; with nothing waiting and no debt it is forgotten. */
  #toTheEnd(tenant: string, share: Share): void {
    this.#shares.delete(tenant);
    share.credit = Math.min(share.credit + QUANTUM, QUANTUM);
    const waits = share.transactional.size + share.bulk.size > 0;
    if (waits || share.credit < QUANTUM) this.#shares.set(tenant, share);
  }
}
