/**
 * A shard as it is held: taken from whoever had it, its view made from the streams, and followed until it is lost or closed.
 *
 * Taking it is one record in the stream of what became of mail; from then on the server refuses what another writes there, so
 * that what is read after it is all there is. First what is in the log, by headers; then what became of it, in order; then
 * what was in hand.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';
import type { Connection } from '#lib/nats/connection.ts';
import type { Streams } from '#lib/nats/streams.ts';
import type { Database } from '#lib/sqlite/database.ts';
import { dueOf } from '../../mail/message.ts';
import type { Change } from '../changes.ts';
import type { Claim } from '../queue.ts';
import type { Bodies } from '../sqlite/bodies.ts';
import { statementsOf } from '../sqlite/carry-out.ts';
import { type AfterCrash, countCrash } from '../sqlite/crashes.ts';
import { InHand } from '../sqlite/in-hand.ts';
import { Shard } from '../sqlite/shard.ts';
import { Arrivals } from './arrivals.ts';
import { DoneJournal } from './done-journal.ts';
import { decodeDone } from './done-record.ts';
import { floorOf, type Mark, marksAfter } from './floor.ts';
import { handOf, NatsSlots } from './hand.ts';
import type { Layout } from './layout.ts';
import { fetchPieces } from './pieces.ts';
import type { Pieces } from './put-record.ts';
import { OLDEST_PLACE, readMessagesBy } from './view.ts';

export interface HoldingOptions {
  readonly connection: Connection;
  readonly streams: Streams;
  readonly layout: Layout;
  readonly shard: number;
  /** By which mail is due. */
  readonly clock: Clock;
  /** The machine's, by which NATS is asked again. */
  readonly ioClock: Clock;
  readonly nextName: () => string;
  /** An empty database with the tables of `view.ts`. */
  readonly openView: () => Promise<Database>;
  readonly bodies: Bodies;
  readonly nextLease: () => number;
  /** Answers what is asked about the shard from elsewhere, until it is stopped. */
  readonly answer: (holding: Holding) => { stop(): void };
  /** Told of what cannot be read. Must not throw. */
  readonly unreadable: (thrown: unknown) => void;
}

/** Changes carried out in the view together while it is made. */
const TOGETHER = 500;
const NO_BYTES = -1;

export class Holding {
  /** What was in hand when whoever had it before ended. */
  readonly afterCrash: AfterCrash;
  readonly shard: Shard;
  readonly journal: DoneJournal;
  readonly #arrivals: Arrivals;
  readonly #database: Database;
  readonly #options: HoldingOptions;
  #marks: Mark[] = [];
  readonly #answering: { stop(): void };
  #claim: Claim;

  private constructor(options: HoldingOptions, parts: Parts, shard: Shard, afterCrash: AfterCrash) {
    this.shard = shard;
    this.afterCrash = afterCrash;
    this.journal = parts.journal;
    this.#arrivals = parts.arrivals;
    this.#database = parts.database;
    this.#options = options;
    this.#claim = this.#claimedAt(parts.journal.holding);
    this.#mark(parts.journal.holding);
    this.#answering = options.answer(this);
  }

  /** Resolves when all that was there is known, and what comes is followed. */
  static async take(options: HoldingOptions): Promise<Holding> {
    const parts = await openParts(options);
    try {
      const before = await parts.journal.take();
      const { floor } = parts.journal;
      await parts.arrivals.readAll(floor.log);
      await carryOutAll(options, parts, floor.done + 1);
      const inHand = await takeHand(options, parts.journal.holding, before);
      const afterCrash = await countCrash(parts.database, inHand.found, options.clock.now(), parts.journal);
      await forgetHand(options, before);
      inHand.begin();
      const shard = parts.begin(inHand);
      await shard.readStock();
      await parts.arrivals.follow();
      return new Holding(options, parts, shard, afterCrash);
    } catch (thrown) {
      await closeParts(parts);
      throw thrown;
    }
  }

  /** By which it is held here, if it is. */
  get claim(): Claim {
    return this.#claim;
  }

  /** Holds it anew, against whoever holds it in this process; undefined when it is lost. */
  async claimAgain(): Promise<Claim | undefined> {
    try {
      this.#claim = this.#claimedAt(await this.journal.takeAgain());
      return this.#claim;
    } catch (thrown) {
      if (this.journal.isLost) return undefined;
      throw thrown;
    }
  }

  #claimedAt(epoch: number): Claim {
    const claim = { shard: this.#options.shard, epoch };
    this.shard.claimedBy(claim);
    return claim;
  }

  /** Resolves when what lies in the log up to a sequence, or all that is there now, is known here. */
  async arrived(sequence: number | undefined): Promise<void> {
    const { streams, layout, shard } = this.#options;
    await this.#arrivals.seen(sequence ?? (await streams.last(layout.log, layout.inOf(shard)))?.seq ?? 0);
  }

  /**
   * Says from where on the shard's streams matter, for whoever takes it next and for whoever trims them; what is younger than
   * `settledFor` always does.
   */
  async tellFloor(settledFor: Duration, isCrowded: boolean): Promise<void> {
    const passed = await this.#passed();
    const [row] = await this.#database.read(OLDEST_PLACE);
    const oldest = Math.min(Number(row?.['first'] ?? Infinity), this.#arrivals.unreadable);
    const youngest = this.#options.ioClock.monotonic() - settledFor;
    const floor = floorOf({ oldest, marks: this.#marks, before: this.journal.floor, youngest });
    this.#marks = marksAfter(this.#marks, floor);
    this.#mark(this.journal.last, passed);
    await this.journal.tellFloor(floor, isCrowded);
  }

  /** The end of the log, if nothing before it is still to arrive here: a shard to which nothing comes holds up none. */
  async #passed(): Promise<number> {
    const { streams, layout, shard } = this.#options;
    const { last } = await streams.about(layout.log);
    const own = await streams.last(layout.log, layout.inOf(shard));
    return (own?.seq ?? 0) <= this.#arrivals.last ? last : 0;
  }

  /** What comes after what has arrived by now can change only after what is written by now. */
  #mark(done: number, passed = 0): void {
    const log = Math.max(this.#arrivals.last, passed);
    this.#marks.push({ at: this.#options.ioClock.monotonic(), log, done });
  }

  /** What is leased stays noted as in hand. */
  async close(): Promise<void> {
    this.#answering.stop();
    this.shard.close();
    await closeParts({ journal: this.journal, arrivals: this.#arrivals, database: this.#database });
  }
}

interface Parts {
  readonly database: Database;
  readonly journal: DoneJournal;
  readonly arrivals: Arrivals;
  /** The shard begins: what arrives from now on arrives in it. */
  readonly begin: (inHand: InHand) => Shard;
}

async function openParts(options: HoldingOptions): Promise<Parts> {
  const { streams, layout, shard: number, unreadable } = options;
  const database = await options.openView();
  let shard: Shard | undefined;
  const fetch = (pieces: Pieces) => fetchPieces(streams, layout.log, pieces);
  const carryOut = (changes: readonly Change[]) => database.write(changes.flatMap(statementsOf));
  const lost = () => shard?.lose();
  const { ioClock: clock, nextName } = options;
  const journal = new DoneJournal({ streams, clock, layout, shard: number, nextName, carryOut, lost });
  const arrivals = new Arrivals({
    streams,
    database,
    layout,
    shard: number,
    fetch,
    arrived: (sequence, lanes, came, message) => {
      if (message) shard?.keep(sequence, message);
      for (const lane of lanes) shard?.arrive(lane, dueOf(came));
    },
    troubled: unreadable,
  });
  const begin = (inHand: InHand): Shard => {
    const readMessages = readMessagesBy(database, fetch);
    const { clock: due, bodies, nextLease } = options;
    const ofShard = {
      database,
      journal,
      clock: due,
      readMessages,
      smallBytes: NO_BYTES,
      unreadable,
      inHand,
      bodies,
      nextLease,
    };
    shard = new Shard(ofShard);
    return shard;
  };
  return { database, journal, arrivals, begin };
}

async function closeParts({ journal, arrivals, database }: Omit<Parts, 'begin'>): Promise<void> {
  journal.close();
  arrivals.stop();
  await database.close();
}

/** What became of mail until the shard was taken. */
async function carryOutAll(
  { streams, layout, shard }: HoldingOptions,
  { database, journal }: Parts,
  from: number,
): Promise<void> {
  let changes: Change[] = [];
  for await (const stored of streams.readAll({ stream: layout.done, subject: layout.doneOf(shard), from })) {
    changes.push(...decodeDone(stored));
    if (stored.seq < journal.holding && changes.length < TOGETHER) continue;
    await database.write(changes.flatMap(statementsOf));
    changes = [];
  }
}

async function takeHand(options: HoldingOptions, holding: number, before: number): Promise<InHand> {
  const { connection, streams, layout, shard } = options;
  const found = await handOf(streams, layout, shard, before);
  return new InHand(new NatsSlots({ connection, layout, shard, holding, found }), options.unreadable);
}

const forgetHand = ({ streams, layout, shard }: HoldingOptions, before: number): Promise<void> =>
  streams.purge(layout.hand, { subject: `${layout.handOf(shard, before)}.*` });
