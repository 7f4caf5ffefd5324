/**
 * What holds now, for everybody: a stream of which each process keeps a view, in a database that is gone with it.
 *
 * What is written here is seen here when it resolves, and by the others as soon as it has come to them. Whoever decides by what
 * is there asks the stream's leader, and says what it has seen: another's write in between is refused, and it decides anew.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';
import { seconds, sleep } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Streams } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { Database } from '#lib/sqlite/database.ts';
import { appendFacts } from './appends.ts';
import { agrees, type View } from './compare.ts';
import { decodeFact, encodeFact, type Fact, subjectOf } from './fact.ts';
import { rowsOf } from './fact-rows.ts';
import { Follower } from './follower.ts';
import type { LedgerLayout } from './layout.ts';

export interface FactsOptions {
  readonly streams: Pick<Streams, 'appendAll' | 'follow' | 'last' | 'readAll'>;
  readonly layout: LedgerLayout;
  /** The view, with `FACT_TABLES`. */
  readonly database: Database;
  readonly clock: Clock;
  /** The machine's, by which NATS is asked again. */
  readonly ioClock: Clock;
  readonly nextName: () => string;
  /** Whose counts against quotas are ours. */
  readonly writer: string;
  /** Told of what anybody has written, before it is in the view. Must not throw. */
  readonly told: (facts: readonly Fact[]) => void;
  /** Told of what cannot be read, and that NATS cannot be followed for a while. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

/** A fact as its stream's leader has it, and by which record. */
export interface Standing<Kind extends Fact['kind']> {
  readonly fact: Extract<Fact, { kind: Kind }> | undefined;
  readonly after: number;
}

/** A fact to be written; `after`: only if this is still its subject's last record. */
export interface Writing {
  readonly fact: Fact;
  readonly after?: number;
}

/** Reads wait so long for what others wrote before: then they answer what is known. */
const KNOWN_WITHIN: Duration = seconds(1);
const AGAIN_AFTER: Duration = seconds(1);
/** Facts that are compared at a time. */
const COMPARED = 200;

export class Facts {
  readonly #options: FactsOptions;
  #follower: Follower | undefined;
  #isStopped = false;

  private constructor(options: FactsOptions) {
    this.#options = options;
  }

  /** Resolves when all that holds is in the view. */
  static async open(options: FactsOptions): Promise<Facts> {
    const { streams, layout, ioClock, troubled } = options;
    const facts = new Facts(options);
    facts.#follower = await Follower.open({
      streams,
      stream: layout.facts,
      subject: layout.allFacts,
      headersOnly: false,
      clock: ioClock,
      takeIn: (records) => facts.#takeIn(records),
      troubled,
    });
    return facts;
  }

  /** The last record that is in the view. */
  get last(): number {
    return this.#follower?.last ?? 0;
  }

  /** How many of the next facts after a record the view has otherwise; and after which to go on, 0 when these were the last. */
  async compare(after: number, view: View): Promise<{ readonly differing: number; readonly next: number }> {
    const { streams, layout } = this.#options;
    const page: Stored[] = [];
    for await (const it of streams.readAll({ stream: layout.facts, subject: layout.allFacts, from: after + 1 }))
      if (page.push(it) === COMPARED) break;
    let differing = 0;
    for (const it of page) if (await this.#differs(it, view)) differing += 1;
    return { differing, next: page.length < COMPARED ? 0 : (page.at(-1)?.seq ?? 0) };
  }

  /** Waits a moment for what others have written before; not at all longer than that when NATS is away. */
  async known(): Promise<void> {
    await this.#follower?.catchUp(KNOWN_WITHIN);
  }

  /** Asks the leader. Fault `storage-failed` when it does not answer. */
  async standing<Kind extends Fact['kind']>(fact: Extract<Fact, { kind: Kind }>): Promise<Standing<Kind>> {
    const { streams, layout } = this.#options;
    try {
      const stored = await streams.last(layout.facts, subjectOf(fact, layout));
      const found = stored && (decodeFact(stored) as Extract<Fact, { kind: Kind }>);
      return { fact: found, after: stored?.seq ?? 0 };
    } catch (cause) {
      throw new Fault('storage-failed', `NATS does not say what is known in ${layout.facts}: try again`, { cause });
    }
  }

  /** All or none, of no more than 900. Resolves when it is durable and in the view; false when a subject has moved on. */
  async write(writings: readonly Writing[]): Promise<boolean> {
    const { layout, clock, ioClock } = this.#options;
    const now = clock.now();
    const messages = writings.map(({ fact, after }) => encodeFact(fact, layout, now, after));
    const ended = await appendFacts({ ...this.#options, clock: ioClock }, layout.facts, messages);
    if (ended.kind !== 'stored') return false;
    await this.seen(ended.sequence);
    return true;
  }

  /** The same, without a condition, and tried until it is written: faults only when it is closed. */
  async writeSurely(writings: readonly Writing[]): Promise<void> {
    for (;;) {
      try {
        await this.write(writings);
        return;
      } catch (thrown) {
        if (this.#isStopped) throw thrown;
        await sleep(this.#options.ioClock, AGAIN_AFTER);
      }
    }
  }

  /** Resolves when a record is in the view. */
  async seen(sequence: number): Promise<void> {
    await this.#follower?.seen(sequence);
  }

  stop(): void {
    this.#isStopped = true;
    this.#follower?.stop();
  }

  /** Not what has changed meanwhile, and not what is still to come here. */
  async #differs(stored: Stored, view: View): Promise<boolean> {
    const [fact] = this.#read(stored);
    if (!fact || this.last < stored.seq || (await agrees(fact, view))) return false;
    const { after } = await this.standing(fact);
    return after === stored.seq && !(await agrees(fact, view));
  }

  async #takeIn(records: readonly Stored[]): Promise<void> {
    const { database, writer, clock, told } = this.#options;
    const newest = new Map(records.map((it) => [it.subject, it]));
    const facts = [...newest.values()].flatMap((it) => this.#read(it));
    told(facts);
    await database.write(rowsOf(facts, writer, clock.now()));
  }

  /** What cannot be read is told of and left: it may be of a later release. */
  #read(stored: Stored): Fact[] {
    try {
      return [decodeFact(stored)];
    } catch (thrown) {
      this.#options.troubled(thrown);
      return [];
    }
  }
}
