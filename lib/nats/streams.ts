/**
 * Streams of a NATS cluster: append, all or nothing, perhaps only where a subject still ends as expected; read in order.
 *
 * How an append ended is a value. `unknown` is neither success nor failure: the caller asks again, the same, or looks.
 */
import {
  jetstream,
  type JetStreamClient,
  jetstreamManager,
  type JetStreamManager,
  JetStreamApiError,
  type StreamConfig,
} from '@nats-io/jetstream';
import { type Clock, type Duration, type Instant, minutes, seconds } from '../run/clock.ts';
import { codeOf, Fault, reasonOf } from '../run/fault.ts';
import { type Appended, appendedOf } from './appended.ts';
import type { Connection, Outgoing } from './connection.ts';
import { type Following, keepFollowing } from './following.ts';
import { readToEnd } from './reading.ts';
import { type Stored, storedOf } from './stored.ts';

/** Names of headers that the server acts on. */
export const MESSAGE_ID = 'Nats-Msg-Id';
export const EXPECTED_LAST = 'Nats-Expected-Last-Subject-Sequence';

/** In a message of several: the one before it. */
const SENT_BEFORE = 'Nats-Last-Sequence';

const NO_STREAM = 10_059;
const NOT_FOUND = new Set([10_037, NO_STREAM]);

export interface About {
  /** Names of those that keep it; none when they are no cluster. */
  readonly servers: readonly string[];
  /** The first sequence that is there, or that would be next; and the last. */
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  /** -1: as many as there is room for. */
  readonly mostBytes: number;
  readonly config: Readonly<Record<string, unknown>>;
  /** Messages it has still to copy from its sources; Infinity when that is not known. */
  readonly behind: number;
}

type Place = { readonly seq: number } | { readonly last_by_subj: string };

export interface Reading {
  readonly stream: string;
  readonly subject: string;
  /** The first sequence. */
  readonly from: number;
  readonly headersOnly?: boolean;
}

export class Streams {
  readonly #connection: Connection;
  readonly #client: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #clock: Clock;

  private constructor(connection: Connection, manager: JetStreamManager, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.#client = jetstream(connection.library);
    this.#manager = manager;
  }

  /** Fault `nats-away` when the servers keep no streams. */
  static async of(connection: Connection, clock: Clock): Promise<Streams> {
    try {
      return new Streams(connection, await jetstreamManager(connection.library), clock);
    } catch (cause) {
      throw new Fault('nats-away', `NATS keeps no streams here: ${reasonOf(cause)}; turn JetStream on`, { cause });
    }
  }

  /** Makes a stream when it is not there, and answers how it is configured. */
  async make(config: Partial<StreamConfig> & { readonly name: string }): Promise<StreamConfig> {
    try {
      return (await this.#manager.streams.info(config.name)).config;
    } catch (thrown) {
      if (!isNotFound(thrown)) throw faultOf(thrown, config.name);
    }
    try {
      return (await this.#manager.streams.add(config)).config;
    } catch (thrown) {
      throw faultOf(thrown, config.name);
    }
  }

  /** What its leader says of a stream. */
  async about(stream: string): Promise<About> {
    try {
      const { cluster, config, state, sources = [] } = await this.#manager.streams.info(stream);
      const servers = [cluster?.leader ?? '', ...(cluster?.replicas ?? []).map((it) => it.name)];
      const behind = sources.reduce((sum, it) => sum + (it.active < 0 ? Infinity : it.lag), 0);
      return {
        servers: servers.filter((it) => it !== ''),
        first: state.first_seq,
        last: state.last_seq,
        bytes: state.bytes,
        mostBytes: config.max_bytes,
        config: { ...config },
        behind,
      };
    } catch (thrown) {
      throw faultOf(thrown, stream);
    }
  }

  /** Appends one message. */
  append(message: Outgoing): Promise<Appended> {
    return this.#ask(message);
  }

  /** Appends messages of one stream together, or none. `id` names the attempt. */
  async appendAll(messages: readonly Outgoing[], id: string): Promise<Appended> {
    const last = messages.length - 1;
    const [first] = messages;
    if (last === 0 && first) return this.append(first);
    for (let at = 0; at < last; at += 1) this.#connection.publish(inBatch(messages[at], id, at + 1));
    return this.#ask(inBatch(messages[last], id, last + 1, true));
  }

  async #ask(message: Outgoing): Promise<Appended> {
    try {
      return appendedOf(await this.#connection.request(message));
    } catch (thrown) {
      if (codeOf(thrown) !== 'nats-unknown') throw thrown;
      return { kind: 'unknown', reason: reasonOf(thrown) };
    }
  }

  /** The last message of a subject, as the stream's leader knows it. */
  async last(stream: string, subject: string): Promise<Stored | undefined> {
    return this.#get(stream, { last_by_subj: subject });
  }

  /** The same, as whichever server has it at hand knows it: that may be a moment old. */
  lately(stream: string, subject: string): Promise<Stored | undefined> {
    return this.#near(stream, { last_by_subj: subject });
  }

  /** The message of a sequence: from whichever server has it at hand, else from the leader. */
  async at(stream: string, seq: number): Promise<Stored | undefined> {
    return (await this.#near(stream, { seq }).catch(() => undefined)) ?? this.#get(stream, { seq });
  }

  /** The first message that was stored then or after; undefined when there is none. */
  async firstSince(stream: string, time: Instant): Promise<number | undefined> {
    try {
      return (await this.#manager.direct.getMessage(stream, { start_time: new Date(time) }))?.seq;
    } catch (thrown) {
      throw faultOf(thrown, stream);
    }
  }

  /** The last message of each subject that matches; of the leader or of a server that may be a moment behind. */
  async lastOfEach(stream: string, subject: string): Promise<Stored[]> {
    const found: Stored[] = [];
    const messages = await this.#manager.direct.getLastMessagesFor(stream, { multi_last: [subject] });
    try {
      for await (const it of messages) found.push(storedOf(it));
    } catch (thrown) {
      if (!isNone(thrown)) throw faultOf(thrown, stream);
    }
    return found;
  }

  async #near(stream: string, query: Place): Promise<Stored | undefined> {
    try {
      const found = await this.#manager.direct.getMessage(stream, query);
      return found ? storedOf(found) : undefined;
    } catch (thrown) {
      throw faultOf(thrown, stream);
    }
  }

  async #get(stream: string, query: Place): Promise<Stored | undefined> {
    try {
      const found = await this.#manager.streams.getMessage(stream, query);
      return found ? storedOf(found) : undefined;
    } catch (thrown) {
      if (isNotFound(thrown)) return undefined;
      throw faultOf(thrown, stream);
    }
  }

  /** Removes a stream and all that is in it. */
  async remove(stream: string): Promise<void> {
    await this.#manager.streams.delete(stream);
  }

  /** Forgets what matches a subject, or what is before a sequence. */
  async purge(stream: string, what: { readonly subject: string } | { readonly before: number }): Promise<void> {
    try {
      await this.#manager.streams.purge(stream, 'subject' in what ? { filter: what.subject } : { seq: what.before });
    } catch (thrown) {
      throw faultOf(thrown, stream);
    }
  }

  /** Up to the last that the leader knows of now, or what of it is not purged meanwhile. */
  readAll(reading: Reading): AsyncGenerator<Stored> {
    const [last, follow] = [() => this.#lastOf(reading), () => this.follow(reading)];
    return readToEnd(reading, { clock: this.#clock, last, follow });
  }

  /** The first so many from a sequence on, without a gap; fewer when a server is behind. Cheaper than following them. */
  async some({ stream, subject, from }: Reading, most: number): Promise<Stored[]> {
    const found: Stored[] = [];
    const query = { seq: from, next_by_subj: subject, batch: most, max_bytes: READ_AHEAD };
    try {
      for await (const it of await this.#manager.direct.getBatch(stream, query)) {
        if (Number(it.header.get(SENT_BEFORE) || 0) !== (found.at(-1)?.seq ?? 0)) break;
        found.push(storedOf(it));
      }
    } catch (thrown) {
      if (!isNone(thrown)) throw faultOf(thrown, stream);
    }
    return found;
  }

  async #lastOf({ stream, subject }: Reading): Promise<number> {
    return (await this.last(stream, subject))?.seq ?? 0;
  }

  /** Messages of a subject, as they are and as they come. Ends when it is stopped or the connection is closed. */
  follow(reading: Reading): Promise<Following> {
    const { from } = reading;
    const open = (next: number): Promise<Following> => this.#deliver({ ...reading, from: next });
    const last = (): Promise<number> => this.#lastOf(reading);
    const isOver = (): boolean => this.#connection.library.isClosed();
    return keepFollowing({ clock: this.#clock, open, last, isOver }, from);
  }

  async #deliver({ stream, subject, from, headersOnly = false }: Reading): Promise<Following> {
    try {
      const consumer = await this.#client.consumers.get(stream, {
        filter_subjects: subject,
        opt_start_seq: Math.max(from, 1),
        headers_only: headersOnly,
        inactive_threshold: FORGOTTEN_AFTER,
      });
      const most = headersOnly ? { max_messages: HEADERS_AHEAD } : { max_bytes: READ_AHEAD };
      const messages = await consumer.consume({ ...most, expires: ASK_AFRESH_EVERY });
      return {
        stop: () => {
          messages.stop();
          // One that cannot be told goes by itself.
          consumer.delete().catch(() => undefined);
        },
        async *[Symbol.asyncIterator]() {
          for await (const { seq, subject: of, headers: header, data } of messages)
            yield storedOf({ seq, subject: of, header, data });
        },
      };
    } catch (thrown) {
      throw faultOf(thrown, stream);
    }
  }
}

/** A consumer that nobody reads from is gone after this. */
const FORGOTTEN_AFTER: Duration = minutes(1);

/** What is on its way to whoever follows. */
const READ_AHEAD = 8 * 1024 * 1024;
const HEADERS_AHEAD = 5000;

/**
 * Half of it without a sign of life, twice, and another consumer is made. In a cluster the first request of one may be lost:
 * with the library's 30 s that is a standstill of 45 s (seen in one of fifty).
 */
const ASK_AFRESH_EVERY: Duration = seconds(2);

function inBatch(message: Outgoing | undefined, id: string, at: number, isLast = false): Outgoing {
  const { subject = '', headers = {}, payload = new Uint8Array() } = message ?? {};
  const more = { 'Nats-Batch-Id': id, 'Nats-Batch-Sequence': `${at}`, ...(isLast && { 'Nats-Batch-Commit': '1' }) };
  return { subject, headers: { ...headers, ...more }, payload };
}

const isNotFound = (thrown: unknown): boolean => thrown instanceof JetStreamApiError && NOT_FOUND.has(thrown.code);

/** Nothing matches what was asked for, as servers say it of several at once. */
const isNone = (thrown: unknown): boolean => isNotFound(thrown) || /404|no results|not found/i.test(reasonOf(thrown));

/** Faults: `nats-no-stream` when there is none of that name, `nats-failed` otherwise. */
function faultOf(thrown: unknown, stream: string): Fault {
  const isGone = thrown instanceof JetStreamApiError && thrown.code === NO_STREAM;
  const code = isGone ? 'nats-no-stream' : 'nats-failed';
  return new Fault(code, `stream ${stream}: ${reasonOf(thrown)}`, { cause: thrown });
}
