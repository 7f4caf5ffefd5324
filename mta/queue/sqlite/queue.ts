/**
 * The queue on SQLite: one file, one process, group commit. Keeps every promise of `../queue.ts`.
 *
 * The file is the truth of what is there and when it is due; memory knows the lanes (`lanes.ts`) and who holds what
 * (`leases.ts`). Everything that changes the file is a list of statements (`tables.ts`) in one unit of the database.
 * There is one shard, 0.
 */
import assert from 'node:assert';
import type { Clock, Duration, Instant, Timer } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Statement } from '#lib/sqlite/protocol.ts';
import type { MailEvent } from '../../mail/event.ts';
import { dueOf, type Message } from '../../mail/message.ts';
import {
  type Cancelling,
  type Claim,
  type LaneDepth,
  type LaneListener,
  type LaneName,
  type Glance,
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
} from '../queue.ts';
import { Bodies } from './bodies.ts';
import { cancelMessage } from './cancel.ts';
import { type AfterCrash, countCrash } from './crashes.ts';
import type { InHand } from './in-hand.ts';
import { Lanes } from './lanes.ts';
import { findKey, takenBy, writeKey } from './keys.ts';
import { glanceAt } from './glance.ts';
import { Leases } from './leases.ts';
import { freeEntries, type Held, lanesOf, listEntries, moveLane } from './moves.ts';
import { Messages } from './messages.ts';
import { listOwed } from './owed.ts';
import { type Put, putStatements } from './statements.ts';
import { Settling } from './settling.ts';
import { readStock } from './stock.ts';
import * as tables from './tables.ts';
import { Taking } from './taking.ts';

/** How often expired leases are looked for. */
const SWEEP: Duration = 1000;
const LEASED_BYTES = 256 * 1024 * 1024;

export interface SqliteQueueOptions {
  readonly database: Database;
  readonly clock: Clock;
  /** How an event is written down, so that it shares the transaction of its outcome. */
  readonly recordEvent: (event: MailEvent) => Statement;
  /** Told of a message whose record cannot be read and was set aside. Must not throw. */
  readonly unreadable: (thrown: unknown) => void;
  /** Where it is noted which messages are in hand; closed with the queue. */
  readonly inHand: InHand;
  /** Told once, as soon as there are so many lanes that memory is about them. Must not throw. */
  readonly manyLanes?: () => void;
  /** Bytes of messages that leases hold together, above which they wait. */
  readonly leasedBytes?: number;
}

export class SqliteQueue implements Queue {
  /** What was in hand when the last process died. */
  readonly afterCrash: AfterCrash;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #recordEvent: (event: MailEvent) => Statement;
  readonly #lanes: Lanes;
  readonly #inHand: InHand;
  readonly #leases: Leases;
  readonly #bodies: Bodies;
  readonly #held: Held;
  readonly #taking: Taking;
  readonly #settling: Settling;
  readonly #messages: Messages;
  #messageNo = 0;
  #epoch = 0;
  #claimed = false;
  #sweep: Timer;

  private constructor(options: SqliteQueueOptions, afterCrash: AfterCrash) {
    this.afterCrash = afterCrash;
    this.#database = options.database;
    this.#clock = options.clock;
    this.#recordEvent = options.recordEvent;
    this.#lanes = new Lanes(options.clock, options.manyLanes);
    this.#bodies = new Bodies(options.leasedBytes ?? LEASED_BYTES);
    this.#inHand = options.inHand;
    this.#leases = new Leases(options.clock, this.#bodies, options.inHand);
    this.#messages = new Messages(options.database, options.unreadable);
    this.#held = { database: this.#database, clock: this.#clock, lanes: this.#lanes, leases: this.#leases };
    this.#taking = new Taking({
      ...this.#held,
      messages: this.#messages,
      bodies: this.#bodies,
      inHand: this.#inHand,
      holds: (claim) => this.#holds(claim),
    });
    this.#settling = new Settling({ ...this.#held, messages: this.#messages, recordEvent: options.recordEvent });
    this.#sweep = options.clock.after(SWEEP, () => this.#dropExpired());
  }

  /** Reads what is waiting. The database must have the tables of `tables.ts` and `keys.ts` among its migrations. */
  static async open(options: SqliteQueueOptions): Promise<SqliteQueue> {
    const { database, clock, inHand, recordEvent } = options;
    const afterCrash = await countCrash(database, inHand.found, clock.now(), recordEvent);
    inHand.begin();
    const queue = new SqliteQueue(options, afterCrash);
    const [last] = await database.read(tables.LAST_NUMBER);
    queue.#messageNo = Number(last?.['no']);
    await readStock(database, queue.#lanes);
    return queue;
  }

  /** Stops timers and announcements; the database is its opener's to close. What is leased stays noted as in hand. */
  close(): void {
    this.#sweep.cancel();
    this.#lanes.close();
    this.#inHand.close();
  }

  async put(message: Message): Promise<void> {
    const { statements, arrive } = this.#putting(message);
    await this.#database.write(statements);
    arrive();
  }

  async putOnce(message: Message, once: Once): Promise<PutOnce> {
    const { statements, arrive } = this.#putting(message);
    const now = this.#clock.now();
    const key = writeKey(once, message.id, now);
    const taken = await this.#database.writeUnless(findKey(once, now), [...key, ...statements]);
    if (taken) return takenBy(taken, once);
    arrive();
    return { kind: 'put' };
  }

  async known(once: Pick<Once, 'key' | 'hash'>): Promise<PutOnce | undefined> {
    const { sql, params } = findKey(once, this.#clock.now());
    const [row] = await this.#database.read(sql, params);
    return row && takenBy(row, once);
  }

  /** What puts a message, and what is to be done when it is there. */
  #putting(message: Message): { readonly statements: readonly Statement[]; readonly arrive: () => void } {
    const { messageNo, statements, lanes } = this.#putStatements(message);
    const arrive = (): void => {
      if (message.notBefore === undefined) this.#messages.keep(messageNo, message);
      for (const lane of lanes) this.#lanes.arrive(lane, 1, dueOf(message));
    };
    return { statements, arrive };
  }

  cancel(cancelling: Cancelling): Promise<MailEvent[]> {
    const apart: Taking['apart'] = (lane, work) => this.#taking.apart(lane, work);
    return cancelMessage({ ...this.#held, recordEvent: this.#recordEvent, apart }, cancelling);
  }

  async claim(shard: number): Promise<Claim> {
    assert(shard === 0, 'the embedded queue has one shard');
    this.#voidLeases();
    this.#lanes.watch(undefined);
    this.#claimed = true;
    return { shard, epoch: (this.#epoch += 1) };
  }

  async release(claim: Claim): Promise<void> {
    if (!this.#holds(claim)) return;
    this.#claimed = false;
    this.#lanes.watch(undefined);
    this.#voidLeases();
  }

  watch(claim: Claim, listener: LaneListener): void {
    if (this.#holds(claim)) this.#lanes.watch(listener);
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

  renew(leases: readonly Lease[], hold: Duration): void {
    for (const lease of leases) this.#leases.renew(lease, hold);
  }

  async intend(claim: Claim, lease: Lease): Promise<boolean> {
    const entry = this.#holds(claim) ? this.#leases.entryOf(lease) : undefined;
    if (entry !== undefined) await this.#database.write([tables.intendEntry(entry)]);
    return entry !== undefined;
  }

  giveBack(leases: readonly Lease[]): void {
    for (const lease of leases) if (this.#leases.drop(lease.id)) this.#lanes.arrive(lease.lane, 0, this.#clock.now());
  }

  settle(claim: Claim, settlements: readonly Settlement[]): Promise<readonly Settlement[]> {
    return this.#holds(claim) ? this.#settling.settle(settlements) : Promise.resolve(settlements);
  }

  async unreported(claim: Claim, max: number): Promise<Unreported[]> {
    return this.#holds(claim) ? listOwed(this.#database, max) : [];
  }

  async report(claim: Claim, owed: Unreported, dsn: Message | undefined): Promise<void> {
    if (!this.#holds(claim)) return;
    const put = dsn ? this.#putStatements(dsn) : { statements: [], lanes: [] };
    const cleared = owed.events.flatMap((it) => tables.clearDebt(owed.message.id, it.index, JSON.stringify(it.event)));
    await this.#database.write([...put.statements, ...cleared, tables.endMessageById(owed.message.id)]);
    for (const lane of put.lanes) this.#lanes.arrive(lane, 1, dsn?.acceptedAt ?? 0);
  }

  /** Bytes of messages that leases hold. */
  get leasedBytes(): number {
    return this.#bodies.used;
  }

  /** When the entry that waits longest was due, as far as memory knows; Infinity when none waits. */
  get oldestDue(): Instant {
    return this.#lanes.oldestDue();
  }

  depth(): readonly LaneDepth[] {
    return this.#lanes.depths();
  }

  glance(lane: LaneName): Promise<Glance> {
    return glanceAt(this.#database, lane, this.#lanes.depthOf(lane));
  }

  list(selection: Selection, max: number): Promise<readonly Pending[]> {
    return listEntries(this.#held, selection, max);
  }

  async move(claim: Claim, selection: Selection, move: Move): Promise<number> {
    let count = 0;
    for (const lane of lanesOf(this.#lanes, selection)) {
      if (!this.#holds(claim)) return count;
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

  #holds(claim: Claim): boolean {
    return this.#claimed && claim.epoch === this.#epoch;
  }

  #putStatements(message: Message): Put {
    return putStatements((this.#messageNo += 1), message, this.#recordEvent);
  }

  #voidLeases(): void {
    this.#taking.forgetAll();
    for (const lane of this.#leases.dropAll()) this.#lanes.arrive(lane, 0, this.#clock.now());
  }

  #dropExpired(): void {
    for (const lane of this.#leases.dropExpired()) this.#lanes.arrive(lane, 0, this.#clock.now());
    this.#sweep = this.#clock.after(SWEEP, () => this.#dropExpired());
  }
}
