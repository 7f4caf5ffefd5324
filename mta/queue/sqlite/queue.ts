/**
 * The queue on SQLite: one file, one process, group commit. Keeps every promise of `../queue.ts`.
 *
 * The file is the truth. What comes in is a list of statements in one unit of the database, and so is what happens to it
 * later (`shard.ts`), with its events. There is one shard, 0.
 */
import assert from 'node:assert';
import type { Clock, Duration, Instant } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Statement } from '#lib/sqlite/protocol.ts';
import type { MailEvent } from '../../mail/event.ts';
import { dueOf, type Message } from '../../mail/message.ts';
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
  Once,
  Outlived,
  Pending,
  PutOnce,
  Queue,
  Selection,
  Settlement,
  Unreported,
} from '../queue.ts';
import { statementsOf } from './carry-out.ts';
import { type AfterCrash, countCrash } from './crashes.ts';
import type { InHand } from './in-hand.ts';
import { journalIn } from './journal.ts';
import { findKey, takenBy, writeKey } from './keys.ts';
import { type Memory, memoryOf, RECENT_OF_ONE } from './memory.ts';
import { Shard } from './shard.ts';
import { type Put, putStatements } from './statements.ts';
import * as tables from './tables.ts';

/** Messages up to this size are read together with their entries. */
const SMALL_BYTES = 64 * 1024;

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
  readonly #memory: Memory;
  readonly #shard: Shard;
  #messageNo = 0;
  #lastLease = 0;
  #epoch = 0;

  private constructor(options: SqliteQueueOptions, afterCrash: AfterCrash) {
    const { database, clock, recordEvent, unreadable, inHand } = options;
    this.afterCrash = afterCrash;
    this.#database = database;
    this.#clock = clock;
    this.#recordEvent = recordEvent;
    this.#memory = memoryOf(RECENT_OF_ONE, options.leasedBytes);
    this.#shard = new Shard({
      database,
      journal: journalIn(options),
      clock,
      readMessages: (numbers, most) => database.read(tables.MESSAGES, [JSON.stringify(numbers), most]),
      smallBytes: SMALL_BYTES,
      unreadable,
      inHand,
      manyLanes: options.manyLanes,
      memory: this.#memory,
      nextLease: () => (this.#lastLease += 1),
    });
  }

  /** Reads what is waiting. The database must have the tables of `tables.ts` and `keys.ts` among its migrations. */
  static async open(options: SqliteQueueOptions): Promise<SqliteQueue> {
    const { database, clock, inHand } = options;
    const afterCrash = await countCrash(database, inHand.found, clock.now(), journalIn(options));
    inHand.begin();
    const queue = new SqliteQueue(options, afterCrash);
    const [last] = await database.read(tables.LAST_NUMBER);
    queue.#messageNo = Number(last?.['no']);
    await queue.#shard.readStock();
    return queue;
  }

  /** Stops timers and announcements; the database is its opener's to close. What is leased stays noted as in hand. */
  close(): void {
    this.#shard.close();
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
      if (message.notBefore === undefined) this.#shard.keep(messageNo, message);
      for (const lane of lanes) this.#shard.arrive(lane, dueOf(message));
    };
    return { statements, arrive };
  }

  cancel(cancelling: Cancelling): Promise<MailEvent[]> {
    return this.#shard.cancel(cancelling);
  }

  async claim(shard: number): Promise<Claim> {
    assert(shard === 0, 'the embedded queue has one shard');
    const claim = { shard, epoch: (this.#epoch += 1) };
    this.#shard.claimedBy(claim);
    return claim;
  }

  holds(claim: Claim): boolean {
    return this.#shard.holds(claim);
  }

  async release(claim: Claim): Promise<void> {
    this.#shard.release(claim);
  }

  watch(claim: Claim, listener: LaneListener): void {
    this.#shard.watch(claim, listener);
  }

  lease(claim: Claim, lane: LaneName, max: number, hold: Duration): Promise<Lease[]> {
    return this.#shard.lease(claim, lane, max, hold);
  }

  leaseAlong(claim: Claim, lease: Lease, max: number, hold: Duration): Promise<Lease[]> {
    return this.#shard.leaseAlong(claim, lease, max, hold);
  }

  leaseOutlived(claim: Claim, lane: LaneName, look: Look, hold: Duration): Promise<Outlived> {
    return this.#shard.leaseOutlived(claim, lane, look, hold);
  }

  renew(leases: readonly Lease[], hold: Duration): void {
    for (const lease of leases) this.#shard.renew(lease, hold);
  }

  intend(claim: Claim, lease: Lease): Promise<boolean> {
    return this.#shard.intend(claim, lease);
  }

  giveBack(leases: readonly Lease[]): void {
    for (const lease of leases) this.#shard.giveBack(lease);
  }

  settle(claim: Claim, settlements: readonly Settlement[]): Promise<readonly Settlement[]> {
    return this.#shard.settle(claim, settlements);
  }

  unreported(claim: Claim, max: number): Promise<Unreported[]> {
    return this.#shard.unreported(claim, max);
  }

  async report(claim: Claim, owed: Unreported, dsn: Message | undefined): Promise<void> {
    if (!this.#shard.holds(claim)) return;
    const put = dsn ? this.#putStatements(dsn) : { statements: [], lanes: [] };
    const events = owed.events.map((it) => it.event);
    const cleared = statementsOf({ kind: 'reported', message: owed.message.id, events });
    await this.#database.write([...put.statements, ...cleared]);
    for (const lane of put.lanes) this.#shard.arrive(lane, dsn?.acceptedAt ?? 0);
  }

  /** Bytes of messages that leases hold. */
  get leasedBytes(): number {
    return this.#memory.bodies.used;
  }

  /** When the entry that waits longest was due, as far as memory knows; Infinity when none waits. */
  get oldestDue(): Instant {
    return this.#shard.oldestDue;
  }

  depth(): readonly LaneDepth[] {
    return this.#shard.depth();
  }

  glance(lane: LaneName): Promise<Glance> {
    return this.#shard.glance(lane);
  }

  list(selection: Selection, max: number): Promise<readonly Pending[]> {
    return this.#shard.list(selection, max);
  }

  move(claim: Claim, selection: Selection, move: Move): Promise<number> {
    return this.#shard.move(claim, selection, move);
  }

  seize(claim: Claim, selection: Selection, max: number, hold: Duration): Promise<Lease[]> {
    return this.#shard.seize(claim, selection, max, hold);
  }

  #putStatements(message: Message): Put {
    return putStatements((this.#messageNo += 1), message, this.#recordEvent);
  }
}
