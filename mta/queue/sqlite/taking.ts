/**
 * Gives entries to those who lease them: finds what is due, marks it as theirs, reads its messages.
 *
 * One at a time for a lane, because the second must see what the first took; but messages are read outside of that turn,
 * and keys are read ahead (`ahead.ts`), so that many connections can empty one lane together.
 */
import assert from 'node:assert';
import type { Clock, Duration, Instant } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Row } from '#lib/sqlite/protocol.ts';
import type { Message } from '../../mail/message.ts';
import type { Claim, LaneName, Lease, Life, Look, Outlived, Place } from '../queue.ts';
import type { Bodies } from './bodies.ts';
import type { InHand } from './in-hand.ts';
import { Ahead, AHEAD, type Slice, sliceOf } from './ahead.ts';
import type { Lanes } from './lanes.ts';
import type { Leases } from './leases.ts';
import { type Found, type Messages, UNREAD } from './messages.ts';
import * as tables from './tables.ts';
import { Turns } from './turns.ts';

/** Bytes of messages after which a lease takes no more of them: a connection holds so much and one message at most. */
const LEASE_BYTES = 4 * 1024 * 1024;

export interface TakingOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly lanes: Lanes;
  readonly leases: Leases;
  readonly messages: Messages;
  readonly bodies: Bodies;
  readonly inHand: Pick<InHand, 'write'>;
  /** Messages up to this size are read together with their entries: -1 where the tables have no bytes of them. */
  readonly smallBytes: number;
  /** Whether a claim still holds. */
  readonly holds: (claim: Claim) => boolean;
}

/** An entry that is leased, its message still to be read. */
interface Reserved {
  readonly row: Row;
  readonly id: number;
}

export class Taking {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #lanes: Lanes;
  readonly #leases: Leases;
  readonly #messages: Messages;
  readonly #bodies: Bodies;
  readonly #inHand: Pick<InHand, 'write'>;
  readonly #smallBytes: number;
  readonly #holds: (claim: Claim) => boolean;
  readonly #ahead = new Ahead();
  readonly #turns = new Turns();

  constructor(options: TakingOptions) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#lanes = options.lanes;
    this.#leases = options.leases;
    this.#messages = options.messages;
    this.#bodies = options.bodies;
    this.#inHand = options.inHand;
    this.#smallBytes = options.smallBytes;
    this.#holds = options.holds;
  }

  /** Up to `max` due entries of a lane, oldest due first. */
  async lease(claim: Claim, lane: LaneName, max: number, hold: Duration): Promise<Lease[]> {
    const room = await this.#bodies.reserve(lane, LEASE_BYTES);
    try {
      return await this.#lease(claim, lane, max, hold);
    } finally {
      room.release();
    }
  }

  async #lease(claim: Claim, lane: LaneName, max: number, hold: Duration): Promise<Lease[]> {
    const reserved = await this.#turns.alone(lane, () => this.#reserve(claim, lane, max, hold));
    const leases = reserved.length > 0 ? await this.#open(claim, lane, reserved, LEASE_BYTES) : [];
    // Fewer than were reserved look as if the lane were drained, to whoever asked; there may be more.
    if (leases.length < reserved.length) this.#lanes.drained(lane, this.#clock.now());
    return leases;
  }

  /** Up to `max` more entries of a lease's message, in its lane. */
  leaseAlong(claim: Claim, lease: Lease, max: number, hold: Duration): Promise<Lease[]> {
    const { lane, message } = lease;
    return this.#turns.alone(lane, async () => {
      const entry = this.#holds(claim) ? this.#leases.entryOf(lease) : undefined;
      if (entry === undefined) return [];
      const leased = JSON.stringify(this.#leases.entriesOf(lane));
      const parameters = [tables.messageNoOf(entry), lane, leased, this.#clock.now(), max];
      const rows = await this.#database.read(tables.DUE_OF_MESSAGE, parameters);
      if (!this.#holds(claim)) return [];
      const ended = this.#ahead.passed(lane, rows);
      if (ended) this.#lanes.arrive(lane, 0, ended.next);
      return this.#weighed(this.#reserveAll(rows, lane, hold).map(({ row, id }) => leaseOf(id, lane, message, row)));
    });
  }

  /** Entries that wait and whose life has ended, of so many in due order. */
  async leaseOutlived(claim: Claim, lane: LaneName, look: Look, hold: Duration): Promise<Outlived> {
    const room = await this.#bodies.reserve(lane, LEASE_BYTES);
    try {
      const { rows, over } = await this.apart(lane, async () => this.#outlived(claim, lane, look, hold));
      const leases = over.length > 0 ? await this.#open(claim, lane, over, LEASE_BYTES) : [];
      const last = rows.length < look.max ? undefined : rows.at(-1);
      // Those that were large stay behind, so it begins here again.
      const isCut = leases.length < over.length;
      if (isCut) this.#lanes.arrive(lane, 0, this.#clock.now());
      return { leases, next: isCut ? (look.from ?? FIRST) : last && placeOf(last) };
    } finally {
      room.release();
    }
  }

  async #outlived(claim: Claim, lane: LaneName, { from = FIRST, max, isOver }: Look, hold: Duration) {
    if (!this.#holds(claim)) return { rows: [], over: [] };
    const rows = await this.#database.read(tables.LIVES, [lane, from.due, from.entry, this.#clock.now(), max]);
    if (!this.#holds(claim)) return { rows: [], over: [] };
    const leased = new Set(this.#leases.entriesOf(lane));
    const over = rows.filter((row) => !leased.has(Number(row['no'])) && isOver(lifeOf(row)));
    const oldest = from === FIRST ? rows.find((row) => !over.includes(row)) : undefined;
    if (oldest) this.#lanes.left(lane, Number(oldest['due']));
    return { rows, over: this.#reserveAll(over, lane, hold) };
  }

  #weighed(leases: Lease[]): Lease[] {
    for (const lease of leases) this.#leases.weigh(lease);
    return leases;
  }

  /** Whatever `find` finds in a lane, due or not; fewer when they are large. */
  async seize(claim: Claim, lane: LaneName, hold: Duration, find: () => Promise<readonly Row[]>): Promise<Lease[]> {
    const take = async () => (this.#holds(claim) ? this.#reserveAll(await find(), lane, hold) : []);
    const room = await this.#bodies.reserve(lane, LEASE_BYTES);
    try {
      const reserved = await this.apart(lane, take);
      const leases = reserved.length > 0 ? await this.#open(claim, lane, reserved, LEASE_BYTES) : [];
      if (leases.length < reserved.length) this.#lanes.arrive(lane, 0, this.#clock.now());
      return leases;
    } finally {
      room.release();
    }
  }

  /** Does `work` with a lane's entries while nobody takes any, and nothing is read ahead. */
  apart<T>(lane: LaneName, work: () => Promise<T>): Promise<T> {
    return this.#turns.alone(lane, () => {
      this.#forgetAhead(lane);
      return work();
    });
  }

  /** Everything that was read ahead is free again. */
  forgetAll(): void {
    for (const lane of this.#ahead.lanes()) this.#forgetAhead(lane);
  }

  /** Due entries of a lane, leased; their messages are not read yet. */
  async #reserve(claim: Claim, lane: LaneName, max: number, hold: Duration): Promise<Reserved[]> {
    const now = this.#clock.now();
    const reserved: Reserved[] = [];
    while (this.#holds(claim)) {
      const kept = this.#ahead.get(lane);
      const slice = kept ?? (await this.#readAhead(claim, lane, max - reserved.length, now));
      reserved.push(...this.#reserveAll(this.#ahead.take(lane, slice, max - reserved.length), lane, hold));
      this.#lanes.left(lane, Number(slice.rows[0]?.['due'] ?? slice.next));
      if (reserved.length === max) {
        if (slice.rows.length === 0) this.#lanes.arrive(lane, 0, slice.next);
        break;
      }
      // What was read just now is all there is, unless it ends with something that is due as well.
      if (kept || slice.next <= now) continue;
      this.#lanes.drained(lane, slice.next);
      break;
    }
    return reserved;
  }

  /** What was read ahead of a lane is free again. */
  #forgetAhead(lane: LaneName): void {
    if (this.#ahead.forget(lane)) this.#lanes.arrive(lane, 0, this.#clock.now());
  }

  /** The first `max` with their messages. Nothing, when the claim was lost meanwhile. */
  async #readAhead(claim: Claim, lane: LaneName, max: number, now: Instant): Promise<Slice> {
    this.#lanes.reading(lane);
    try {
      const leased = this.#leases.entriesOf(lane);
      const parameters = [lane, max, now, this.#messages.firstInMemory, this.#smallBytes, Math.max(AHEAD + 1 - max, 0)];
      const rows = await (leased.length === 0
        ? this.#database.read(tables.NEXT_ENTRIES, parameters)
        : this.#database.read(tables.NEXT_ENTRIES_BUT_LEASED, [...parameters, JSON.stringify(leased)]));
      if (this.#holds(claim)) return sliceOf(rows, now);
    } catch (thrown) {
      this.#lanes.arrive(lane, 0, now);
      throw thrown;
    }
    this.#lanes.arrive(lane, 0, now);
    return { rows: [], next: now };
  }

  #reserveAll(rows: readonly Row[], lane: LaneName, hold: Duration): Reserved[] {
    const reserved = rows.map((row) => ({ row, id: this.#leases.take(Number(row['no']), lane, hold) }));
    this.#inHand.write();
    return reserved;
  }

  /**
   * Reads the messages of what was reserved, until they have `most` bytes: the others are free again. Entries whose message
   * cannot be read are set aside and left out.
   */
  async #open(claim: Claim, lane: LaneName, reserved: readonly Reserved[], most: number): Promise<Lease[]> {
    const messages = await this.#messages.of(rowsOf(reserved), most).catch((thrown: unknown) => {
      for (const { id } of reserved) if (this.#leases.drop(id)) this.#lanes.arrive(lane, 0, this.#clock.now());
      throw thrown;
    });
    if (!this.#holds(claim)) return [];
    const readable = reserved.filter(({ row, id }) => {
      const isReadable = messages.has(messageOf(row));
      if (!isReadable && this.#leases.drop(id)) this.#lanes.end(lane, 1);
      return isReadable;
    });
    const leases = this.#weighed(leasesOf(lane, readable, messages, most));
    if (leases.length < readable.length) this.#giveBack(lane, readable.slice(leases.length));
    return leases;
  }

  /** They are the next that are taken, by whoever hears that the lane has something due. */
  #giveBack(lane: LaneName, reserved: readonly Reserved[]): void {
    for (const { id } of reserved) this.#leases.drop(id);
    this.#ahead.forget(lane);
  }
}

const FIRST: Place = { due: 0, entry: 0 };
const placeOf = (row: Row): Place => ({ due: Number(row['due']), entry: Number(row['no']) });

const lifeOf = ({ acceptedAt, notBefore, expiresAt }: Row): Life => ({
  acceptedAt: Number(acceptedAt),
  expiresAt: Number(expiresAt),
  ...(notBefore !== null && { notBefore: Number(notBefore) }),
});

const rowsOf = (reserved: readonly Reserved[]): Row[] => reserved.map((it) => it.row);
const messageOf = (row: Row): number => tables.messageNoOf(Number(row['no']));

/** As many as have `most` bytes together, and the one that goes beyond; recipients of one message share its bytes. */
function leasesOf(lane: LaneName, reserved: readonly Reserved[], messages: Found, most: number): Lease[] {
  const leases: Lease[] = [];
  const counted = new Set<Message>();
  let bytes = 0;
  for (const { row, id } of reserved) {
    const message = messages.get(messageOf(row));
    if (bytes >= most || message === undefined || message === UNREAD) break;
    leases.push(leaseOf(id, lane, message, row));
    if (!counted.has(message)) bytes += message.raw.length;
    counted.add(message);
  }
  return leases;
}

function leaseOf(id: number, lane: LaneName, message: Message, row: Row): Lease {
  const index = tables.indexOf(Number(row['no']));
  const recipient = message.recipients[index];
  assert(recipient !== undefined, 'an entry points at a recipient of its message');
  const attempts = Number(row['attempts']);
  return { id, lane, message, index, recipient, attempts, ...(row['intended'] === 1 && { inDoubt: true }) };
}
