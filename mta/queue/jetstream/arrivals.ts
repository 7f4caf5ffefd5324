/**
 * Reads a shard's part of the log into the view: what is there when it is taken, by headers alone, and then what comes.
 *
 * In order, without a gap, each message once. What comes brings its bytes along, for whoever sends it at once.
 */
import type { Database } from '#lib/sqlite/database.ts';
import type { Statement } from '#lib/sqlite/protocol.ts';
import type { Following } from '#lib/nats/following.ts';
import type { Streams } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { Message } from '../../mail/message.ts';
import { decodeMessage } from '../codec.ts';
import type { LaneName } from '../queue.ts';
import type { Layout } from './layout.ts';
import { Gathered } from './gathered.ts';
import { type Arrival, decodePut, type Pieces } from './put-record.ts';
import { comes } from './view.ts';

/** Messages written into the view together. */
const TOGETHER = 500;
/** Records of the log that are read with their bytes, to be followed at once: reading headers first costs another consumer. */
const NEAR = 2000;

export interface ArrivalsOptions {
  readonly streams: Pick<Streams, 'follow' | 'readAll'>;
  readonly database: Pick<Database, 'write'>;
  readonly layout: Layout;
  readonly shard: number;
  readonly fetch: (pieces: Pieces) => Promise<Buffer | undefined>;
  /** Rows of a message are written: in these lanes, from then on. `message` when its bytes are at hand. */
  readonly arrived: (sequence: number, lanes: readonly LaneName[], life: Came, message: Message | undefined) => void;
  /** A record cannot be read, or the log cannot be followed any more. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

type Came = Pick<Message, 'acceptedAt' | 'notBefore'>;

interface Waiter {
  readonly sequence: number;
  resolve(): void;
}

interface Read {
  readonly arrival: Arrival;
  readonly lanes: readonly LaneName[];
  readonly message: Omit<Message, 'raw'>;
}

const NOTHING = Buffer.alloc(0);

export class Arrivals {
  readonly #options: ArrivalsOptions;
  #last = 0;
  #unreadable = Infinity;
  readonly #gathered = new Gathered();
  #writing: Promise<void> | undefined;
  #isPaused = false;
  #waiters: Waiter[] = [];
  #following: Following | undefined;

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  /** The last sequence that has arrived. */
  get last(): number {
    return this.#last;
  }

  /** The first record that could not be read; Infinity when all could. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** Reads what is there from a sequence on, up to another, and goes on with what comes until it is stopped. */
  async readTo(end: number, from: number): Promise<void> {
    this.#last = from - 1;
    if (end - from > NEAR) await this.#readHeaders(from);
    await this.#follow();
    await this.seen(end);
  }

  async #readHeaders(from: number): Promise<void> {
    const { streams, layout, shard } = this.#options;
    const reading = { stream: layout.log, subject: layout.inOf(shard), from, headersOnly: true };
    let gathered: Stored[] = [];
    for await (const stored of streams.readAll(reading)) {
      gathered.push(stored);
      if (gathered.length < TOGETHER) continue;
      await this.#write(gathered, false);
      gathered = [];
    }
    if (gathered.length > 0) await this.#write(gathered, false);
  }

  async #follow(): Promise<void> {
    const { streams, layout, shard } = this.#options;
    this.#following = await streams.follow({ stream: layout.log, subject: layout.inOf(shard), from: this.#last + 1 });
    void this.#gather(this.#following);
  }

  /** Resolves when what lies there up to a sequence has arrived, or nothing does any more. */
  seen(sequence: number): Promise<void> {
    if (this.#last >= sequence || !this.#following) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ sequence, resolve }));
  }

  /** Nothing arrives while `work` is under way; what came meanwhile arrives after it. */
  async pause(work: () => Promise<void>): Promise<void> {
    this.#isPaused = true;
    await this.#writing;
    await work();
    this.#isPaused = false;
    this.#begin();
  }

  stop(): void {
    const following = this.#following;
    this.#following = undefined;
    this.#tell(Infinity);
    this.#gathered.letGo();
    following?.stop();
  }

  async #gather(following: Following): Promise<void> {
    try {
      for await (const stored of following) {
        const room = this.#gathered.push(stored);
        this.#begin();
        if (this.#following) await room;
      }
    } catch (thrown) {
      this.#options.troubled(thrown);
    }
    this.#tell(Infinity);
  }

  #begin(): void {
    if (!this.#isPaused && this.#gathered.length > 0) this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    await Promise.resolve();
    try {
      while (this.#gathered.length > 0 && this.#following && !this.#isPaused)
        await this.#write(this.#gathered.take(TOGETHER), true);
    } catch (thrown) {
      this.#options.troubled(thrown);
    }
    this.#writing = undefined;
    this.#gathered.letGo();
  }

  async #write(records: readonly Stored[], areWhole: boolean): Promise<void> {
    const { database, arrived } = this.#options;
    const statements: Statement[] = [];
    const read: Read[] = [];
    for (const record of records) {
      const found = await this.#read(record, statements);
      if (found) read.push(found);
    }
    await database.write(statements);
    this.#last = records.at(-1)?.seq ?? this.#last;
    for (const { arrival, lanes, message } of read) {
      const isHere = areWhole && arrival.body === undefined && message.notBefore === undefined;
      arrived(arrival.sequence, lanes, message, isHere ? { ...message, raw: arrival.payload } : undefined);
    }
    this.#tell(this.#last);
  }

  /** Adds a record's rows; undefined when it cannot be read. */
  async #read(record: Stored, statements: Statement[]): Promise<Read | undefined> {
    const { layout, shard, fetch, troubled } = this.#options;
    try {
      const arrival = decodePut(record);
      const { envelope } = arrival;
      const text = typeof envelope === 'string' ? envelope : ((await fetch(envelope))?.toString() ?? '');
      const { raw: _, ...message } = decodeMessage(text, NOTHING);
      const came = comes(arrival, message, text, shard, layout.shards);
      statements.push(...came.statements);
      return { arrival, lanes: came.lanes, message };
    } catch (thrown) {
      this.#unreadable = Math.min(this.#unreadable, record.seq);
      troubled(thrown);
      return undefined;
    }
  }

  #tell(sequence: number): void {
    const told = this.#waiters.filter((it) => it.sequence <= sequence);
    if (told.length === 0) return;
    this.#waiters = this.#waiters.filter((it) => it.sequence > sequence);
    for (const it of told) it.resolve();
  }
}
