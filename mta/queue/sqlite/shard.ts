/**
 * What is queued in one shard and who holds it, over tables of its own: all that a queue does but taking mail in.
 *
 * The tables say what is there and when it is due; memory knows the lanes (`lanes.ts`) and who holds what (`leases.ts`).
 * Whatever changes entries is a list of changes that the journal makes durable and carries out in the tables. Who puts a
 * message writes its rows and then says that it has arrived.
 */
import type { Clock, Duration, Instant, Timer } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { MailEvent } from '../../mail/event.ts';
import type { Message } from '../../mail/message.ts';
import type { Journal } from '../changes.ts';
import type {
  Cancelling,
  Claim,
  Glance,
  LaneDepth,
  LaneListener,
  LaneName,
  Lease,
  Look,
  Move,
  Outlived,
  Pending,
  Selection,
  Settlement,
  Unreported,
} from '../queue.ts';
import { cancelMessage } from './cancel.ts';
import { glanceAt } from './glance.ts';
import type { InHand } from './in-hand.ts';
import { Lanes } from './lanes.ts';
import { Leases } from './leases.ts';
import type { Memory } from './memory.ts';
import { Messages, type ReadMessages } from './messages.ts';
import { freeEntries, type Held, lanesOf, listEntries, moveLane } from './moves.ts';
import { listOwed } from './owed.ts';
import { Settling } from './settling.ts';
import { readStock } from './stock.ts';
import { Taking } from './taking.ts';

/** How often expired leases are looked for. */
const SWEEP: Duration = 1000;

export interface ShardOptions {
  readonly database: Database;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly readMessages: ReadMessages;
  /** Messages up to this size are read together with their entries: -1 where the tables have no bytes of them. */
  readonly smallBytes: number;
  /** Told of a message whose record cannot be read and was set aside. Must not throw. */
  readonly unreadable: (thrown: unknown) => void;
  /** Where it is noted which messages are in hand; closed with the shard. */
  readonly inHand: InHand;
  /** Told once, as soon as there are so many lanes that memory is about them. Must not throw. */
  readonly manyLanes?: (() => void) | undefined;
  readonly memory: Memory;
  /** Gives each lease a number of its own. */
  readonly nextLease: () => number;
}

export class Shard {
  readonly #options: ShardOptions;
  readonly #lanes: Lanes;
  readonly #leases: Leases;
  readonly #held: Held;
  readonly #messages: Messages;
  readonly #taking: Taking;
  readonly #settling: Settling;
  #claim: Claim | undefined;
  #sweep: Timer;

  constructor(options: ShardOptions) {
    const { database, journal, clock, inHand, unreadable } = options;
    const { bodies, recent } = options.memory;
    this.#options = options;
    this.#lanes = new Lanes(clock, options.manyLanes);
    this.#leases = new Leases(clock, bodies, inHand, options.nextLease);
    this.#held = { database, journal, clock, lanes: this.#lanes, leases: this.#leases };
    this.#messages = new Messages({ read: options.readMessages, journal, recent, unreadable });
    this.#taking = new Taking({
      ...this.#held,
      messages: this.#messages,
      bodies,
      inHand,
      smallBytes: options.smallBytes,
      holds: (claim) => this.holds(claim),
    });
    this.#settling = new Settling({ ...this.#held, messages: this.#messages });
    this.#sweep = clock.after(SWEEP, () => this.#dropExpired());
  }

  /** Reads which lanes the tables have. */
  readStock(): Promise<void> {
    return readStock(this.#options.database, this.#lanes);
  }

  /** Stops timers and announcements; the database is its opener's to close. What is leased stays noted as in hand. */
  close(): void {
    this.#sweep.cancel();
    this.#lanes.close();
    this.#options.inHand.close();
  }

  /** An entry's rows are written. */
  arrive(lane: LaneName, due: Instant): void {
    this.#lanes.arrive(lane, 1, due);
  }

  /** Keeps a message that was just put for those who are about to send it. */
  keep(messageNo: number, message: Message): void {
    this.#messages.keep(messageNo, message);
  }

  /** Another holds the shard from now on: leases of before are void. */
  claimedBy(claim: Claim): void {
    this.#claim = claim;
    this.#lanes.watch(undefined);
    this.#voidLeases();
  }

  /** Nobody does. Harmless when the claim is stale. */
  release(claim: Claim): void {
    if (!this.holds(claim)) return;
    this.#claim = undefined;
    this.#lanes.watch(undefined);
    this.#voidLeases();
  }

  /** Somebody else holds it: nobody does here. */
  lose(): void {
    if (this.#claim) this.release(this.#claim);
  }

  holds(claim: Claim): boolean {
    return this.#claim?.epoch === claim.epoch;
  }

  watch(claim: Claim, listener: LaneListener): void {
    if (this.holds(claim)) this.#lanes.watch(listener);
  }

  lease(claim: Claim, lane: LaneName, max: number, hold: Duration): Promise<Lease[]> {
    return this.#taking.lease(claim, lane, max, hold);
  }

  leaseAlong(claim: Claim, lease: Lease, max: number, hold: Duration): Promise<Lease[]> {
    return this.#taking.leaseAlong(claim, lease, max, hold);
  }

  leaseOutlived(claim: Claim, lane: LaneName, look: Look, hold: Duration): Promise<Outlived> {
    return this.#taking.leaseOutlived(claim, lane, look, hold);
  }

  renew(lease: Lease, hold: Duration): void {
    this.#leases.renew(lease, hold);
  }

  async intend(claim: Claim, lease: Lease): Promise<boolean> {
    const entry = this.holds(claim) ? this.#leases.entryOf(lease) : undefined;
    if (entry !== undefined) await this.#options.journal.write([{ kind: 'intended', entry }]);
    return entry !== undefined;
  }

  giveBack(lease: Lease): void {
    if (this.#leases.drop(lease.id)) this.#lanes.arrive(lease.lane, 0, this.#options.clock.now());
  }

  settle(claim: Claim, settlements: readonly Settlement[]): Promise<readonly Settlement[]> {
    return this.holds(claim) ? this.#settling.settle(settlements) : Promise.resolve(settlements);
  }

  async unreported(claim: Claim, max: number): Promise<Unreported[]> {
    return this.holds(claim) ? listOwed(this.#options.database, this.#messages, max) : [];
  }

  cancel(cancelling: Cancelling): Promise<MailEvent[]> {
    const apart: Taking['apart'] = (lane, work) => this.#taking.apart(lane, work);
    return cancelMessage({ ...this.#held, apart }, cancelling);
  }

  /** When the entry that waits longest was due, as far as memory knows; Infinity when none waits. */
  get oldestDue(): Instant {
    return this.#lanes.oldestDue();
  }

  depth(): readonly LaneDepth[] {
    return this.#lanes.depths();
  }

  glance(lane: LaneName): Promise<Glance> {
    return glanceAt(this.#options.database, lane, this.#lanes.depthOf(lane));
  }

  list(selection: Selection, max: number): Promise<Pending[]> {
    return listEntries(this.#held, selection, max);
  }

  async move(claim: Claim, selection: Selection, move: Move): Promise<number> {
    let count = 0;
    for (const lane of lanesOf(this.#lanes, selection)) {
      if (!this.holds(claim)) return count;
      count += await this.#taking.apart(lane, () => moveLane(this.#held, selection, lane, move));
    }
    return count;
  }

  async seize(claim: Claim, selection: Selection, max: number, hold: Duration): Promise<Lease[]> {
    const leases: Lease[] = [];
    for (const lane of lanesOf(this.#lanes, selection)) {
      if (leases.length === max) break;
      const find = () => freeEntries(this.#held, selection, lane, max - leases.length);
      leases.push(...(await this.#taking.seize(claim, lane, hold, find)));
    }
    return leases;
  }

  #voidLeases(): void {
    this.#taking.forgetAll();
    for (const lane of this.#leases.dropAll()) this.#lanes.arrive(lane, 0, this.#options.clock.now());
  }

  #dropExpired(): void {
    const { clock } = this.#options;
    for (const lane of this.#leases.dropExpired()) this.#lanes.arrive(lane, 0, clock.now());
    this.#sweep = clock.after(SWEEP, () => this.#dropExpired());
  }
}
