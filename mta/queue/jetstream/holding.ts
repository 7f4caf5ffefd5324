/**
 * A shard as it is held: taken from whoever had it, its view completed (`standby.ts`), and followed until it is lost or closed.
 *
 * Taking it is one record in the stream of what became of mail; from then on the server refuses what another writes there, so
 * that what is read after it is all there is. Last comes what was in hand.
 */
import { type Clock, type Duration, seconds, type Timer } from '#lib/run/clock.ts';
import type { Connection } from '#lib/nats/connection.ts';
import type { Claim } from '../queue.ts';
import { type AfterCrash, countCrash } from '../sqlite/crashes.ts';
import { InHand } from '../sqlite/in-hand.ts';
import type { Memory } from '../sqlite/memory.ts';
import { Shard } from '../sqlite/shard.ts';
import type { DoneJournal } from './done-journal.ts';
import { floorOf, type Mark, marksAfter, thinned } from './floor.ts';
import { handOf, NatsSlots } from './hand.ts';
import type { Standby, StandbyOptions } from './standby.ts';
import { OLDEST_PLACE, readMessagesBy } from './view.ts';

export interface HoldingOptions extends StandbyOptions {
  readonly connection: Connection;
  /** By which mail is due. */
  readonly clock: Clock;
  readonly memory: Memory;
  readonly nextLease: () => number;
  /** Answers what is asked about the shard from elsewhere, until it is stopped. */
  readonly answer: (holding: Holding) => { stop(): void };
}

/** How much of what was written last whoever takes the shard next reads for nothing. */
const BEGIN_EVERY: Duration = seconds(2);
const NO_BYTES = -1;

export class Holding {
  /** What was in hand when whoever had it before ended. */
  readonly afterCrash: AfterCrash;
  readonly shard: Shard;
  readonly journal: DoneJournal;
  readonly #view: Standby;
  readonly #options: HoldingOptions;
  #marks: Mark[] = [];
  #timer: Timer | undefined;
  readonly #answering: { stop(): void };
  #claim: Claim;

  private constructor(options: HoldingOptions, view: Standby, shard: Shard, afterCrash: AfterCrash) {
    this.shard = shard;
    this.afterCrash = afterCrash;
    this.journal = view.journal;
    this.#view = view;
    this.#options = options;
    this.#claim = this.#claimedAt(view.journal.holding);
    this.#mark(view.journal.holding);
    this.#answering = options.answer(this);
    this.#beginLater();
  }

  /** Resolves when all that was there is known, and what comes is followed. `view` is its own from now on. */
  static async take(options: HoldingOptions, view: Standby): Promise<Holding> {
    try {
      const before = await view.take();
      const inHand = await takeHand(options, view.journal.holding, before);
      const afterCrash = await countCrash(view.database, inHand.found, options.clock.now(), view.journal);
      forgetHand(options, before);
      inHand.begin();
      const shard = shardOn(options, view, inHand);
      await view.begin(shard);
      return new Holding(options, view, shard, afterCrash);
    } catch (thrown) {
      await view.close();
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
    await this.#view.arrivals.seen(sequence ?? (await streams.last(layout.log, layout.inOf(shard)))?.seq ?? 0);
  }

  /**
   * Says from where on the shard's streams matter, for whoever takes it next and for whoever trims them; what is younger than
   * `settledFor` always does.
   */
  async tellFloor(settledFor: Duration, isCrowded: boolean): Promise<void> {
    const passed = await this.#passed();
    const oldest = await this.#oldest();
    const youngest = this.#options.ioClock.monotonic() - settledFor;
    const floor = floorOf({ oldest, marks: this.#marks, before: this.journal.floor, youngest });
    this.#marks = marksAfter(this.#marks, floor);
    this.#mark(this.journal.last, passed);
    await this.journal.tellFloor(floor, isCrowded);
  }

  async #oldest(): Promise<number> {
    const [row] = await this.#view.database.read(OLDEST_PLACE);
    return Math.min(Number(row?.['first'] ?? Infinity), this.#view.arrivals.unreadable);
  }

  #beginLater(): void {
    this.#timer = this.#options.ioClock.after(BEGIN_EVERY, () => {
      this.#noteBegin()
        .catch(() => undefined)
        .finally(() => this.#timer && this.#beginLater());
    });
  }

  /** Said with what is written next: all before it has ended, and what is younger than that is little. */
  async #noteBegin(): Promise<void> {
    const [before, last] = [this.journal.begin, this.journal.last];
    if (this.#marks.at(-1)?.done === last) return;
    const oldest = await this.#oldest();
    const youngest = this.#options.ioClock.monotonic();
    this.journal.begin = floorOf({ oldest, marks: this.#marks, before, youngest });
    this.#mark(this.journal.last);
  }

  /** The end of the log, if nothing before it is still to arrive here: a shard to which nothing comes holds up none. */
  async #passed(): Promise<number> {
    const { streams, layout, shard } = this.#options;
    const { last } = await streams.about(layout.log);
    const own = await streams.last(layout.log, layout.inOf(shard));
    return (own?.seq ?? 0) <= this.#view.arrivals.last ? last : 0;
  }

  /** What comes after what has arrived by now can change only after what is written by now. */
  #mark(done: number, passed = 0): void {
    const log = Math.max(this.#view.arrivals.last, passed);
    this.#marks = thinned([...this.#marks, { at: this.#options.ioClock.monotonic(), log, done }]);
  }

  /** What is leased stays noted as in hand. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#answering.stop();
    this.shard.close();
    await this.#view.close();
  }
}

function shardOn(options: HoldingOptions, { database, journal, fetch }: Standby, inHand: InHand): Shard {
  const { clock, memory, nextLease, unreadable } = options;
  const readMessages = readMessagesBy(database, fetch);
  return new Shard({
    database,
    journal,
    clock,
    readMessages,
    smallBytes: NO_BYTES,
    unreadable,
    inHand,
    memory,
    nextLease,
  });
}

async function takeHand(options: HoldingOptions, holding: number, before: number): Promise<InHand> {
  const { connection, streams, layout, shard } = options;
  const found = await handOf(streams, layout, shard, before);
  return new InHand(new NatsSlots({ connection, layout, shard, holding, found }), options.unreadable);
}

/** Nobody reads it again: what stays gives way to what comes. */
const forgetHand = ({ streams, layout, shard }: HoldingOptions, before: number): void =>
  void streams.purge(layout.hand, { subject: `${layout.handOf(shard, before)}.*` }).catch(() => undefined);
