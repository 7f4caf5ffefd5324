/**
 * The queue on NATS JetStream: streams are the truth, whoever holds a shard has a view of it. Keeps every promise of `../queue.ts`.
 *
 * What is put is appended to the log and durable then, whoever holds its shards; this process waits until those that it holds
 * itself know of it. What becomes of mail is appended by the shard's holder alone. Several processes put, and hold shards.
 */
import { type Clock, type Duration, hours, type Instant } from '#lib/run/clock.ts';
import { codeOf, Fault } from '#lib/run/fault.ts';
import type { Connection } from '#lib/nats/connection.ts';
import type { Streams } from '#lib/nats/streams.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { MailEvent } from '../../mail/event.ts';
import type { Message } from '../../mail/message.ts';
import { inParts } from '../changes.ts';
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
  type Pending,
  type PutOnce,
  type Queue,
  type Selection,
  type Settlement,
  type Unreported,
  parseLane,
} from '../queue.ts';
import type { AfterCrash } from '../sqlite/crashes.ts';
import { memoryOf, RECENT_OF_MANY } from '../sqlite/memory.ts';
import type { Shard } from '../sqlite/shard.ts';
import { Turns } from '../sqlite/turns.ts';
import type { Position } from './history.ts';
import { Holding } from './holding.ts';
import { type Layout, shardOf } from './layout.ts';
import { Outcomes } from './outcomes.ts';
import { Putting } from './putting.ts';
import { Reach } from './reach.ts';
import { Standbys } from './standbys.ts';
import { isCrowded, trim } from './trim.ts';

const EVENTS_FOR: Duration = hours(7 * 24);

export interface JetstreamQueueOptions {
  readonly connection: Connection;
  readonly streams: Streams;
  readonly layout: Layout;
  /** By which mail is due. */
  readonly clock: Clock;
  /** The machine's, by which NATS is asked again. */
  readonly ioClock: Clock;
  /** How long events stay in the stream of what became of mail; a week unless it is said. */
  readonly eventsFor?: Duration | undefined;
  /** A name that nobody else gives. */
  readonly nextName: () => string;
  /** An empty database with the tables of `view.ts`. */
  readonly openView: () => Promise<Database>;
  /** Why nothing may be put now, if so. */
  readonly refusal: () => Fault | undefined;
  /** Told, of each shard that was taken, what its holder had in hand when it died. Must not throw. */
  readonly crashed?: ((after: AfterCrash, shard: number) => void) | undefined;
  /** Told of what cannot be read. Must not throw. */
  readonly unreadable: (thrown: unknown) => void;
}

export class JetstreamQueue implements Queue {
  /** All that is queued, also what other processes hold. */
  readonly everywhere: Reach;
  readonly #options: JetstreamQueueOptions & { readonly outcomes: Outcomes };
  readonly #putting: Putting;
  readonly #memory = memoryOf(RECENT_OF_MANY);
  readonly #holdings = new Map<number, Holding>();
  readonly #standbys: Standbys;
  readonly #turns = new Turns();
  #lastLease = 0;

  /** The streams must be there (`streams.ts`). */
  constructor(options: JetstreamQueueOptions) {
    this.#options = { ...options, outcomes: new Outcomes(options.streams, options.nextName) };
    this.#standbys = new Standbys(this.#options);
    const holdingOf = (shard: number): Holding | undefined => this.#holdings.get(shard);
    this.everywhere = new Reach({ ...options, clock: options.ioClock, holdingOf });
    this.#putting = new Putting({
      ...options,
      arrived: async (shard, last) => this.#holdings.get(shard)?.arrived(last),
    });
  }

  /** Lets go of every shard without giving it up; the connection is its opener's to close. */
  async close(): Promise<void> {
    await Promise.all([...this.#holdings.values(), this.#standbys].map((it) => it.close()));
    this.#holdings.clear();
  }

  put(message: Message): Promise<void> {
    return this.#putting.put(message);
  }

  putOnce(message: Message, once: Once): Promise<PutOnce> {
    return this.#putting.putOnce(message, once);
  }

  known(once: Pick<Once, 'key' | 'hash'>): Promise<PutOnce | undefined> {
    return this.#putting.known(once);
  }

  /**
   * Says from where on what is held here matters, and lets go of what nobody needs of the streams, when each shard's holder has
   * said so (`trim.ts`). What came within `settledFor` stays: longer than a put takes; and what is not `copied`, where somebody
   * copies events. To be called every minute or so, by every process.
   */
  async trim(settledFor: Duration, copied?: () => Promise<Position>): Promise<void> {
    const { streams, layout, ioClock, eventsFor = EVENTS_FOR } = this.#options;
    const crowded = isCrowded(await streams.about(layout.done));
    const told = [...this.#holdings.values()].map((it) =>
      unlessLost(() => it.tellFloor(settledFor, crowded), undefined),
    );
    await Promise.all(told);
    if (this.#holdings.has(0)) await trim(streams, layout, ioClock.now() - eventsFor, await copied?.());
  }

  /** In all shards, whoever holds them. What nobody answers for is said when nothing of the message was found elsewhere. */
  async cancel(cancelling: Cancelling): Promise<readonly MailEvent[]> {
    const { found, missing } = await this.everywhere.cancel(cancelling);
    const [first] = missing;
    if (found.length === 0 && first !== undefined) throw new Fault('storage-unanswered', first);
    return found;
  }

  claim(shard: number): Promise<Claim> {
    return this.#turns.alone(`shard ${shard}`, async () => {
      const held = this.#holdings.get(shard);
      const again = await held?.claimAgain();
      if (again) return again;
      this.#holdings.delete(shard);
      await held?.close();
      const options = {
        ...this.#options,
        shard,
        memory: this.#memory,
        nextLease: () => (this.#lastLease += 1) * this.#options.layout.shards + shard,
        answer: (it: Holding) => this.everywhere.answerFor(it, shard),
      };
      const holding = await this.#standbys.use(shard, (it) => Holding.take(options, it));
      this.#holdings.set(shard, holding);
      this.#options.crashed?.(holding.afterCrash, shard);
      return holding.claim;
    });
  }

  /** Reads a shard that another holds, so that it is claimed in a moment. */
  prepare(shard: number): Promise<void> {
    return this.#turns.alone(`shard ${shard}`, () => this.#standbys.prepare(shard));
  }

  /** It is not to be claimed soon after all. */
  forget(shard: number): Promise<void> {
    return this.#turns.alone(`shard ${shard}`, () => this.#standbys.forget(shard));
  }

  release(claim: Claim): Promise<void> {
    return this.#turns.alone(`shard ${claim.shard}`, async () => {
      const holding = this.#holdings.get(claim.shard);
      if (!holding?.shard.holds(claim)) return;
      holding.shard.release(claim);
      this.#holdings.delete(claim.shard);
      await holding.close();
    });
  }

  /** Whether a shard is still held under a claim: says so once more in its stream, which is refused if it is not. */
  async isStillHeld(claim: Claim): Promise<boolean> {
    const holding = this.#holdings.get(claim.shard);
    if (!holding?.shard.holds(claim)) return false;
    return unlessLost(async () => {
      await holding.journal.write([]);
      return true;
    }, false);
  }

  watch(claim: Claim, listener: LaneListener): void {
    this.#shardOf(claim)?.watch(claim, listener);
  }

  holds(claim: Claim): boolean | Promise<boolean> {
    const holding = this.#holdings.get(claim.shard);
    return holding?.shard.holds(claim) === true && holding.journal.confirm();
  }

  async lease(claim: Claim, lane: LaneName, max: number, hold: Duration): Promise<Lease[]> {
    return (await (await this.#surely(claim))?.lease(claim, lane, max, hold)) ?? [];
  }

  async leaseAlong(claim: Claim, lease: Lease, max: number, hold: Duration): Promise<Lease[]> {
    return (await (await this.#surely(claim))?.leaseAlong(claim, lease, max, hold)) ?? [];
  }

  async leaseOutlived(claim: Claim, lane: LaneName, look: Look, hold: Duration): Promise<Outlived> {
    return (
      (await (await this.#surely(claim))?.leaseOutlived(claim, lane, look, hold)) ?? { leases: [], next: undefined }
    );
  }

  renew(leases: readonly Lease[], hold: Duration): void {
    for (const lease of leases) this.#shardBy(lease)?.renew(lease, hold);
  }

  async intend(claim: Claim, lease: Lease): Promise<boolean> {
    return unlessLost(async () => (await this.#shardOf(claim)?.intend(claim, lease)) ?? false, false);
  }

  giveBack(leases: readonly Lease[]): void {
    for (const lease of leases) this.#shardBy(lease)?.giveBack(lease);
  }

  async settle(claim: Claim, settlements: readonly Settlement[]): Promise<readonly Settlement[]> {
    return unlessLost(async () => this.#shardOf(claim)?.settle(claim, settlements) ?? settlements, settlements);
  }

  async unreported(claim: Claim, max: number): Promise<Unreported[]> {
    return (await this.#shardOf(claim)?.unreported(claim, max)) ?? [];
  }

  /** The report is put once for what it tells of; then the debt is cleared, by this holder or by the next. */
  async report(claim: Claim, owed: Unreported, dsn: Message | undefined): Promise<void> {
    const holding = this.#holdings.get(claim.shard);
    if (!holding?.shard.holds(claim)) return;
    if (dsn) await this.#putting.putReport(dsn, owed, claim.shard);
    const events = owed.events.map((it) => it.event);
    const message = owed.message.id;
    const changes = inParts(events).map((it) => ({ kind: 'reported', message, events: it }) as const);
    await unlessLost(() => holding.journal.write(changes), undefined);
  }

  /** Bytes of messages that leases hold. */
  get leasedBytes(): number {
    return this.#memory.bodies.used;
  }

  /** When the entry that waits longest was due, as far as memory knows; Infinity when none waits. */
  get oldestDue(): Instant {
    return Math.min(Infinity, ...[...this.#holdings.values()].map((it) => it.shard.oldestDue));
  }

  depth(): readonly LaneDepth[] {
    return [...this.#holdings.values()].flatMap((it) => it.shard.depth());
  }

  async glance(lane: LaneName): Promise<Glance> {
    const holding = this.#holdings.get(shardOf(parseLane(lane).domain, this.#options.layout.shards));
    return holding ? holding.shard.glance(lane) : NOTHING_SEEN;
  }

  async list(selection: Selection, max: number): Promise<readonly Pending[]> {
    const lists = await Promise.all([...this.#holdings.values()].map((it) => it.shard.list(selection, max)));
    const all = lists.length === 1 ? lists.flat() : lists.flat().toSorted((a, b) => (a.lane < b.lane ? -1 : 1));
    return all.slice(0, max);
  }

  async move(claim: Claim, selection: Selection, move: Move): Promise<number> {
    return (await this.#shardOf(claim)?.move(claim, selection, move)) ?? 0;
  }

  async seize(claim: Claim, selection: Selection, max: number, hold: Duration): Promise<Lease[]> {
    return (await (await this.#surely(claim))?.seize(claim, selection, max, hold)) ?? [];
  }

  /** Only while nobody else can have it: who was stopped for a while, and goes on, gives nothing of what it knew. */
  async #surely(claim: Claim): Promise<Shard | undefined> {
    return (await this.holds(claim)) ? this.#shardOf(claim) : undefined;
  }

  #shardOf({ shard }: Claim): Shard | undefined {
    return this.#holdings.get(shard)?.shard;
  }

  #shardBy({ id }: Lease): Shard | undefined {
    return this.#holdings.get(id % this.#options.layout.shards)?.shard;
  }
}

const NOTHING_SEEN: Glance = { next: undefined, oldest: undefined, latest: undefined, suspended: 0, isExact: true };

/** What to answer when the shard turns out to be somebody else's. */
async function unlessLost<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (codeOf(thrown) === 'claim-lost') return otherwise;
    throw thrown;
  }
}
