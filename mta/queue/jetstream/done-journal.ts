/**
 * Writes what became of a shard's mail, as the one who holds it: each record says which one it follows, and the server
 * refuses it when another has written since. Then the shard is lost to whoever took it.
 *
 * What is given while a record is under way goes with the next. A record whose end is unknown is looked for, for as long as it
 * takes: nobody is told that something was not written that may have been. Then it is carried out in the view.
 */
import { type Clock, type Duration, hours, minutes, seconds, sleep } from '#lib/run/clock.ts';
import { codeOf, Fault } from '#lib/run/fault.ts';
import type { Streams } from '#lib/nats/streams.ts';
import type { Change, Journal } from '../changes.ts';
import { beginIn, encodeDone, floorIn, holdingOf, writeOf } from './done-record.ts';
import { type Floor, NO_FLOOR } from './floor.ts';
import type { Layout } from './layout.ts';
import type { Outcomes } from './outcomes.ts';

const LOOK_AGAIN_AFTER: Duration = 100;
/** Far less than it takes until a shard is taken from whoever says nothing any more. */
const SURE_FOR: Duration = seconds(2);
/** A shard's last record stays, and all that comes after it. */
const WRITE_AGAIN_AFTER: Duration = hours(6);
const WRITE_SOON_AFTER: Duration = minutes(1);
/** Changes that share a record at most: what is carried out in the view holds up reads meanwhile. */
const MOST_CHANGES = 1000;

export interface DoneOptions {
  readonly streams: Pick<Streams, 'last'>;
  /** Whose commits its records share with those of other shards. */
  readonly outcomes: Pick<Outcomes, 'append'>;
  /** The machine's. */
  readonly clock: Clock;
  readonly layout: Layout;
  readonly shard: number;
  readonly nextName: () => string;
  /** Carries changes out in the view. */
  readonly carryOut: (changes: readonly Change[]) => Promise<void>;
  /** The shard is lost. Must not throw. */
  readonly lost: () => void;
}

interface Waiting {
  readonly changes: readonly Change[];
  resolve(): void;
  reject(thrown: unknown): void;
}

export class DoneJournal implements Journal {
  readonly #options: DoneOptions;
  #gathered: Waiting[] = [];
  #isWriting = false;
  /** The last record. */
  #last = 0;
  /** When it was known last that nobody else holds the shard. */
  #surelyAt: Duration = -Infinity;
  #confirming: Promise<boolean> | undefined;
  #lastAt: Duration = 0;
  /** As it is said in each record from now on, and as the last one says it. */
  #floor: Floor = NO_FLOOR;
  #toldFloor: Floor = NO_FLOOR;
  /** From where on whoever takes the shard next reads its streams, as is said from now on. */
  begin: Floor = NO_FLOOR;
  #holding: number | undefined;
  #takenAfter = 0;
  #lost: Fault | undefined;

  constructor(options: DoneOptions) {
    this.#options = options;
  }

  /** Somebody else holds the shard, or it was given up: nothing can be written any more. */
  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** The last record that is known to be written. */
  get last(): number {
    return this.#last;
  }

  /** From where on the shard's streams matter, as is said from now on. */
  get floor(): Floor {
    return this.#floor;
  }

  /**
   * Says from now on from where on the shard's streams matter: at once when the log is waiting for it, and now and then in any
   * case, because the shard's last record has to stay; `isCrowded`: there is little room for that.
   */
  async tellFloor(floor: Floor, isCrowded: boolean): Promise<void> {
    this.#floor = floor;
    const isOld = this.#options.clock.monotonic() - this.#lastAt >= (isCrowded ? WRITE_SOON_AFTER : WRITE_AGAIN_AFTER);
    if (floor.log > this.#toldFloor.log || isOld) await this.write([]);
  }

  /** The shard is held since this record. */
  get holding(): number {
    return this.#holding ?? 0;
  }

  /** The last record that was written before. */
  get takenAfter(): number {
    return this.#takenAfter;
  }

  /**
   * Takes the shard from whoever has it: nothing of theirs is written from now on. Resolves with since when they had it, 0 if
   * nobody ever did.
   */
  async take(): Promise<number> {
    const { streams, layout, shard } = this.#options;
    for (;;) {
      const last = await this.#look(() => streams.last(layout.done, layout.doneOf(shard)));
      this.#last = last?.seq ?? 0;
      this.#floor = last ? floorIn(last) : NO_FLOOR;
      this.begin = last ? beginIn(last) : NO_FLOOR;
      this.#takenAfter = this.#last;
      if (!(await this.#append([], undefined))) continue;
      this.#holding = this.#last;
      return last ? holdingOf(last) : 0;
    }
  }

  /** Holds it once more, against whoever holds it in this process. Resolves with the record that says so. */
  async takeAgain(): Promise<number> {
    await this.write([]);
    return this.#last;
  }

  /**
   * Whether the shard is still held here: known, if that was so a moment ago, else asked. A process that was stopped for a while and
   * goes on finds out by it before it does what cannot be taken back. Fault `nats-failed` when nobody can say.
   */
  confirm(): boolean | Promise<boolean> {
    if (this.#lost) return false;
    if (this.#options.clock.monotonic() - this.#surelyAt < SURE_FOR) return true;
    this.#confirming ??= this.confirmNow().finally(() => (this.#confirming = undefined));
    return this.#confirming;
  }

  /** The same, asked in any case. */
  async confirmNow(): Promise<boolean> {
    if (this.#lost) return false;
    const { streams, layout, shard, clock } = this.#options;
    for (;;) {
      const asked = clock.monotonic();
      const last = await this.#look(() => streams.last(layout.done, layout.doneOf(shard)));
      if (!last || holdingOf(last) !== this.#holding) this.#lose();
      if (this.#lost) return false;
      this.#surelyAt = asked;
      // An answer may have lain there while the process was stopped.
      if (clock.monotonic() - asked < SURE_FOR) return true;
    }
  }

  /** Faults: `claim-lost`; `storage-full`, then none of it took effect. */
  write(changes: readonly Change[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(this.#lost);
      this.#gathered.push({ changes, resolve, reject });
      if (!this.#isWriting) void this.#writeAll();
    });
  }

  /** Nothing is written any more; what is under way ends as lost. */
  close(): void {
    this.#lose();
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    // What is given in the same turn goes together.
    await Promise.resolve();
    while (this.#gathered.length > 0) await this.#writeOne(this.#take());
    this.#isWriting = false;
  }

  #take(): Waiting[] {
    let [changes, count] = [0, 0];
    for (const it of this.#gathered) {
      changes += it.changes.length;
      if (count > 0 && changes > MOST_CHANGES) break;
      count += 1;
    }
    return this.#gathered.splice(0, count);
  }

  async #writeOne(batch: readonly Waiting[]): Promise<void> {
    try {
      const changes = batch.flatMap((it) => it.changes);
      if (this.#lost || !(await this.#append(changes, this.#holding))) throw this.#lose();
      await this.#options.carryOut(changes);
      for (const it of batch) it.resolve();
    } catch (thrown) {
      // What is on record and not in the view is for the next holder to carry out.
      if (codeOf(thrown) !== 'storage-full') this.#lose();
      for (const it of batch) it.reject(thrown);
    }
  }

  #lose(): Fault {
    if (this.#lost) return this.#lost;
    const { shard, lost } = this.#options;
    this.#lost = new Fault('claim-lost', `shard ${shard} is held by somebody else, or by nobody`);
    lost();
    return this.#lost;
  }

  /** Whether it is written; not, when another has written since. */
  async #append(changes: readonly Change[], holding: number | undefined): Promise<boolean> {
    const { streams, outcomes, layout, shard, nextName, clock } = this.#options;
    const write = nextName();
    const [floor, begin, subject] = [this.#floor, this.begin, layout.doneOf(shard)];
    const records = encodeDone(changes, { subject, write, holding, after: this.#last, floor, begin });
    for (;;) {
      const asked = clock.monotonic();
      const appended = await outcomes.append(records);
      if (appended.kind === 'stored') return this.#wrote(appended.sequence, floor, asked);
      if (appended.kind === 'full')
        throw new Fault('storage-full', `stream ${layout.done} is full: raise its max_bytes`);
      if (appended.kind === 'refused') throw new Fault('storage-failed', `NATS refused an outcome: ${appended.reason}`);
      const last = await this.#look(() => streams.last(layout.done, layout.doneOf(shard)));
      if (last && writeOf(last) === write) return this.#wrote(last.seq, floor, asked);
      if ((last?.seq ?? 0) !== this.#last) return false;
    }
  }

  #wrote(sequence: number, floor: Floor, asked: Duration): true {
    this.#surelyAt = asked;
    this.#last = sequence;
    this.#lastAt = this.#options.clock.monotonic();
    this.#toldFloor = floor;
    return true;
  }

  /** Looks until somebody answers, or nobody needs to know. */
  async #look<T>(look: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await look();
      } catch (thrown) {
        if (this.#lost) throw thrown;
        await sleep(this.#options.clock, LOOK_AGAIN_AFTER);
      }
    }
  }
}
