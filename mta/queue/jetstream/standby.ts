/**
 * A shard's view while it is made: read from the streams before the shard is taken, and complete when it is.
 *
 * It may be read ahead while another holds the shard; taking it is then one record and what was written since. First what is
 * in the log, by headers; then what became of it, in order. What became of mail is read up to where it ended before the log was
 * read: all that it tells of is in the log by then. Mail that comes meanwhile is followed.
 */
import type { Clock } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Reading, Streams } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { Database } from '#lib/sqlite/database.ts';
import { dueOf } from '../../mail/message.ts';
import type { Change } from '../changes.ts';
import { statementsOf } from '../sqlite/carry-out.ts';
import type { Shard } from '../sqlite/shard.ts';
import { Arrivals } from './arrivals.ts';
import { DoneJournal } from './done-journal.ts';
import { beginIn, decodeDone } from './done-record.ts';
import { NO_FLOOR } from './floor.ts';
import type { Layout } from './layout.ts';
import type { Outcomes } from './outcomes.ts';
import { fetchPieces } from './pieces.ts';
import type { Pieces } from './put-record.ts';

export interface StandbyOptions {
  readonly streams: Streams;
  /** Of this process. */
  readonly outcomes: Outcomes;
  readonly layout: Layout;
  readonly shard: number;
  /** The machine's, by which NATS is asked again. */
  readonly ioClock: Clock;
  readonly nextName: () => string;
  /** An empty database with the tables of `view.ts`. */
  readonly openView: () => Promise<Database>;
  /** Told of what cannot be read. Must not throw. */
  readonly unreadable: (thrown: unknown) => void;
}

/** Changes carried out in the view together while it is made, and records that are asked for. */
const TOGETHER = 500;
const ASKED_FOR = 200;

export class Standby {
  readonly database: Database;
  readonly journal: DoneJournal;
  readonly arrivals: Arrivals;
  readonly #options: StandbyOptions;
  /** The last record of what became of mail that is carried out. */
  #done = 0;
  #shard: Shard | undefined;

  private constructor(options: StandbyOptions, database: Database) {
    const { streams, outcomes, layout, shard, nextName, ioClock: clock, unreadable: troubled } = options;
    this.#options = options;
    this.database = database;
    const carryOut = (changes: readonly Change[]) => database.write(changes.flatMap(statementsOf));
    const lost = () => this.#shard?.lose();
    this.journal = new DoneJournal({ streams, outcomes, clock, layout, shard, nextName, carryOut, lost });
    this.arrivals = new Arrivals({
      streams,
      database,
      layout,
      shard,
      fetch: this.fetch,
      arrived: (sequence, lanes, came, message) => {
        if (message) this.#shard?.keep(sequence, message);
        for (const lane of lanes) this.#shard?.arrive(lane, dueOf(came));
      },
      troubled,
    });
  }

  /** Resolves when all that is there now is known, and what comes is followed. */
  static async read(options: StandbyOptions): Promise<Standby> {
    const standby = new Standby(options, await options.openView());
    try {
      await standby.#read();
      return standby;
    } catch (thrown) {
      await standby.close();
      throw thrown;
    }
  }

  readonly fetch = (pieces: Pieces): Promise<Buffer | undefined> =>
    fetchPieces(this.#options.streams, this.#options.layout.log, pieces);

  /**
   * Takes the shard: nobody else writes what becomes of its mail from then on. Resolves when all that was written is known, with
   * since when it was held before. Fault `standby-late` when some of that is there no more: then it is to be read anew.
   */
  async take(): Promise<number> {
    const { streams, layout, shard } = this.#options;
    const before = await this.journal.take();
    if (this.journal.floor.done > this.#done)
      throw new Fault('standby-late', `shard ${shard} was read too long ago: some of it is forgotten`);
    const last = await streams.last(layout.log, layout.inOf(shard));
    await this.arrivals.seen(last?.seq ?? 0);
    await this.#carryOut(this.journal.takenAfter);
    return before;
  }

  /** What arrives from now on arrives in a shard, and nothing arrives until this resolves. */
  async begin(shard: Shard): Promise<void> {
    await this.arrivals.pause(() => {
      this.#shard = shard;
      return shard.readStock();
    });
  }

  async close(): Promise<void> {
    this.journal.close();
    this.arrivals.stop();
    await this.database.close();
  }

  async #read(): Promise<void> {
    const { streams, layout, shard } = this.#options;
    const last = await streams.last(layout.done, layout.doneOf(shard));
    const begin = last ? beginIn(last) : NO_FLOOR;
    this.#done = begin.done;
    const end = await streams.last(layout.log, layout.inOf(shard));
    await this.arrivals.readTo(end?.seq ?? 0, begin.log);
    await this.#carryOut(last?.seq ?? 0);
  }

  /** What became of mail, up to a record. */
  async #carryOut(upTo: number): Promise<void> {
    if (upTo <= this.#done) return;
    const { streams } = this.#options;
    await this.#carryOutAll(await streams.some(this.#fromHere, ASKED_FOR), upTo);
    if (this.#done >= upTo) return;
    let gathered: Stored[] = [];
    for await (const stored of streams.readAll(this.#fromHere)) {
      if (gathered.push(stored) < ASKED_FOR && stored.seq < upTo) continue;
      await this.#carryOutAll(gathered, upTo);
      gathered = [];
      if (stored.seq >= upTo) break;
    }
    await this.#carryOutAll(gathered, upTo);
    this.#done = upTo;
  }

  get #fromHere(): Reading {
    const { layout, shard } = this.#options;
    return { stream: layout.done, subject: layout.doneOf(shard), from: this.#done + 1 };
  }

  /** What is after the end is for later. */
  async #carryOutAll(records: readonly Stored[], upTo: number): Promise<void> {
    let changes: Change[] = [];
    for (const record of records.filter((it) => it.seq <= upTo)) {
      changes.push(...decodeDone(record));
      this.#done = record.seq;
      if (changes.length < TOGETHER) continue;
      await this.database.write(changes.flatMap(statementsOf));
      changes = [];
    }
    if (changes.length > 0) await this.database.write(changes.flatMap(statementsOf));
  }
}
