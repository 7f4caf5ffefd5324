/**
 * The shards that this process holds, as if they were one: the queue as a worker sees it, of which it claims shard 0.
 *
 * Which these are changes while mail is sent (`shift.ts`): of one that is to be given up nothing more is leased, and it is
 * released when all that was leased of it has ended. Nothing is leased, and no debt is looked for, while it is not sure that
 * nobody else has taken what is held here.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';
import type { MailEvent } from '../../mail/event.ts';
import type { Message } from '../../mail/message.ts';
import { shardOf } from '../jetstream/layout.ts';
import {
  type Cancelling,
  type Claim,
  type Glance,
  type LaneDepth,
  type LaneListener,
  type LaneName,
  type Lease,
  type Look,
  type Move,
  type Once,
  type Outlived,
  parseLane,
  type Pending,
  type PutOnce,
  type Queue,
  type Selection,
  type Settlement,
  type Unreported,
} from '../queue.ts';
import { Leased } from './leased.ts';

/** A queue whose shards others may take. */
export interface SharedQueue extends Queue {
  /** Whether a shard is still held under a claim, as the streams have it. */
  isStillHeld(claim: Claim): Promise<boolean>;
  /** Reads a shard that another holds, so that it is claimed in a moment. */
  prepare(shard: number): Promise<void>;
  /** It is not to be claimed soon after all. Harmless when it was not prepared. */
  forget(shard: number): Promise<void>;
}

export interface ShareOptions {
  readonly queue: SharedQueue;
  readonly shards: number;
  readonly clock: Clock;
  /** Whether what is held here is surely ours. */
  readonly isSure: () => boolean;
}

/** What a worker claims: all of it. */
const WHOLE: Claim = { shard: 0, epoch: 0 };
const LOOK_AGAIN_AFTER: Duration = 200;

export class Share implements Queue {
  readonly #options: ShareOptions;
  readonly #queue: SharedQueue;
  readonly #claims = new Map<number, Claim>();
  readonly #closing = new Set<number>();
  readonly #ready = new Set<number>();
  readonly #leased = new Leased();
  /** What was settled of a batch of which some could not be: it is asked for again. */
  readonly #ends = new WeakMap<Settlement, 'settled' | 'refused'>();
  readonly #debtors = new WeakMap<Unreported, Claim>();
  #listener: LaneListener | undefined;
  #isReleased = false;

  constructor(options: ShareOptions) {
    this.#options = options;
    this.#queue = options.queue;
  }

  /** Epochs of what is held, by shard. */
  get held(): ReadonlyMap<number, number> {
    return new Map([...this.#claims].map(([shard, { epoch }]) => [shard, epoch]));
  }

  /** Shards that are read while another holds them. */
  get ready(): ReadonlySet<number> {
    return new Set(this.#ready);
  }

  /** Resolves when a shard that another holds is read. */
  async prepare(shard: number): Promise<void> {
    await this.#queue.prepare(shard);
    this.#ready.add(shard);
  }

  async forget(shard: number): Promise<void> {
    this.#ready.delete(shard);
    await this.#queue.forget(shard);
  }

  /** Takes a shard from whoever had it. */
  async take(shard: number): Promise<void> {
    this.#ready.delete(shard);
    const claim = await this.#queue.claim(shard);
    if (this.#isReleased) return this.#queue.release(claim);
    this.#claims.set(shard, claim);
    if (this.#listener) this.#queue.watch(claim, this.#listener);
  }

  /** Shards that are surely ours; `forGood`: and are not about to be given up. */
  async surelyHeld(forGood: boolean): Promise<number[]> {
    if (!this.#options.isSure()) return [];
    const claims = [...this.#claims].filter(([shard]) => !forGood || !this.#closing.has(shard));
    const held = await Promise.all(claims.map(async ([, claim]) => this.#queue.holds(claim, '')));
    return claims.flatMap(([shard], at) => (held[at] === true ? [shard] : []));
  }

  /** Whether nobody has taken a shard since we did. */
  async isStillHeld(shard: number): Promise<boolean> {
    const claim = this.#claims.get(shard);
    return claim !== undefined && this.#queue.isStillHeld(claim);
  }

  /** Resolves when a shard is released: when nothing of it is leased any more. */
  async giveUp(shard: number): Promise<void> {
    this.#closing.add(shard);
    await this.#leased.none(shard);
    await this.drop(shard);
  }

  /** Lets go of a shard at once: what is leased of it is void. */
  async drop(shard: number): Promise<void> {
    const claim = this.#claims.get(shard);
    this.#claims.delete(shard);
    this.#closing.delete(shard);
    this.#leased.forget(shard);
    if (claim) await this.#queue.release(claim);
  }

  async claim(): Promise<Claim> {
    return WHOLE;
  }

  /** Lets go of whatever is held. */
  async release(): Promise<void> {
    this.#isReleased = true;
    const forgotten = [...this.#ready].map((it) => this.forget(it));
    await Promise.all([...forgotten, ...[...this.#claims.keys()].map((it) => this.drop(it))]);
  }

  watch(_: Claim, listener: LaneListener): void {
    this.#listener = listener;
    for (const claim of this.#claims.values()) this.#queue.watch(claim, listener);
  }

  async lease(_: Claim, lane: LaneName, max: number, hold: Duration): Promise<Lease[]> {
    await this.#sure();
    const shard = this.#shardOf(lane);
    return this.#leasing(shard, (claim) => this.#queue.lease(claim, lane, max, hold));
  }

  leaseAlong(_: Claim, lease: Lease, max: number, hold: Duration): Promise<Lease[]> {
    return this.#leasing(this.#shardOf(lease.lane), (claim) => this.#queue.leaseAlong(claim, lease, max, hold));
  }

  async leaseOutlived(_: Claim, lane: LaneName, look: Look, hold: Duration): Promise<Outlived> {
    let next: Outlived['next'];
    const leases = await this.#leasing(this.#shardOf(lane), async (claim) => {
      const outlived = await this.#queue.leaseOutlived(claim, lane, look, hold);
      next = outlived.next;
      return outlived.leases;
    });
    return { leases, next };
  }

  async seize(_: Claim, selection: Selection, max: number, hold: Duration): Promise<Lease[]> {
    const seized: Lease[] = [];
    for (const shard of this.#shardsOf(selection)) {
      const room = max - seized.length;
      if (room <= 0) break;
      seized.push(...(await this.#leasing(shard, (claim) => this.#queue.seize(claim, selection, room, hold))));
    }
    return seized;
  }

  async #leasing(shard: number, lease: (claim: Claim) => Promise<readonly Lease[]>): Promise<Lease[]> {
    const claim = this.#claims.get(shard);
    if (!claim || this.#closing.has(shard) || !this.#options.isSure()) return [];
    const end = this.#leased.begin(shard);
    try {
      const leases = await lease(claim);
      if (this.#claims.get(shard) === claim) this.#leased.add(shard, leases);
      return [...leases];
    } finally {
      end();
    }
  }

  /** As the shard's stream knows it, whatever this process believes: asked at once when it is not sure. */
  holds(_: Claim, lane: LaneName): boolean | Promise<boolean> {
    const claim = this.#claims.get(this.#shardOf(lane));
    if (claim === undefined) return false;
    return this.#options.isSure() ? this.#queue.holds(claim, lane) : this.#queue.isStillHeld(claim);
  }

  renew(leases: readonly Lease[], hold: Duration): void {
    this.#queue.renew(leases, hold);
  }

  async intend(_: Claim, lease: Lease): Promise<boolean> {
    const claim = this.#claims.get(this.#shardOf(lease.lane));
    return claim !== undefined && this.#options.isSure() && this.#queue.intend(claim, lease);
  }

  giveBack(leases: readonly Lease[]): void {
    this.#queue.giveBack(leases);
    for (const it of leases) this.#leased.end(this.#shardOf(it.lane), it);
  }

  /** Those of a shard that somebody else has are refused. Rejects when some cannot be written; the others are. */
  async settle(_: Claim, settlements: readonly Settlement[]): Promise<readonly Settlement[]> {
    const open = settlements.filter((it) => !this.#ends.has(it));
    const byShard = Map.groupBy(open, (it) => this.#shardOf(it.lease.lane));
    const settling = [...byShard].map(([shard, some]) => this.#settleIn(shard, some));
    const failed = (await Promise.allSettled(settling)).find((it) => it.status === 'rejected');
    if (failed) throw failed.reason;
    return settlements.filter((it) => this.#ends.get(it) === 'refused');
  }

  async #settleIn(shard: number, settlements: readonly Settlement[]): Promise<void> {
    const claim = this.#claims.get(shard);
    const refused = new Set(claim ? await this.#queue.settle(claim, settlements) : settlements);
    for (const it of settlements) {
      this.#ends.set(it, refused.has(it) ? 'refused' : 'settled');
      this.#leased.end(shard, it.lease);
    }
  }

  async unreported(_: Claim, max: number): Promise<Unreported[]> {
    const found: Unreported[] = [];
    for (const [shard, claim] of this.#claims) {
      if (found.length >= max || !this.#options.isSure()) break;
      if (this.#closing.has(shard)) continue;
      const owed = await this.#queue.unreported(claim, max - found.length);
      for (const it of owed) this.#debtors.set(it, claim);
      found.push(...owed);
    }
    return found;
  }

  async report(_: Claim, owed: Unreported, dsn: Message | undefined): Promise<void> {
    const claim = this.#debtors.get(owed);
    if (claim) await this.#queue.report(claim, owed, dsn);
  }

  async move(_: Claim, selection: Selection, move: Move): Promise<number> {
    let moved = 0;
    const claims = this.#shardsOf(selection).flatMap((it) => this.#claims.get(it) ?? []);
    for (const claim of claims) moved += await this.#queue.move(claim, selection, move);
    return moved;
  }

  put(message: Message): Promise<void> {
    return this.#queue.put(message);
  }

  putOnce(message: Message, once: Once): Promise<PutOnce> {
    return this.#queue.putOnce(message, once);
  }

  known(once: Pick<Once, 'key' | 'hash'>): Promise<PutOnce | undefined> {
    return this.#queue.known(once);
  }

  cancel(cancelling: Cancelling): Promise<readonly MailEvent[]> {
    return this.#queue.cancel(cancelling);
  }

  depth(): readonly LaneDepth[] {
    return this.#queue.depth();
  }

  glance(lane: LaneName): Promise<Glance> {
    return this.#queue.glance(lane);
  }

  list(selection: Selection, max: number): Promise<readonly Pending[]> {
    return this.#queue.list(selection, max);
  }

  /** A lane is in one: to look for it in each would take as many times as long. */
  #shardsOf({ lane }: Selection): readonly number[] {
    return lane === undefined ? [...this.#claims.keys()] : [this.#shardOf(lane)];
  }

  #shardOf(lane: LaneName): number {
    return shardOf(parseLane(lane).domain, this.#options.shards);
  }

  /** A lane that is asked for meanwhile is not forgotten: it is answered when that is known. */
  async #sure(): Promise<void> {
    const { isSure, clock } = this.#options;
    while (!isSure() && !this.#isReleased) await new Promise<void>((resolve) => clock.after(LOOK_AGAIN_AFTER, resolve));
  }
}
