/**
 * What happened to mail, as the queue's streams tell it: that it was queued by the log, all else by what became of it.
 *
 * Read in the order it was written, each event once. The log tells of mail for as long as it is not trimmed.
 */
import type { Streams } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import { type MailEvent, queuedEvents } from '../../mail/event.ts';
import { domainOf, type MessageId } from '../../mail/message.ts';
import { eventsOf } from '../changes.ts';
import { decodeMessage } from '../codec.ts';
import { decodeDone } from './done-record.ts';
import { type Layout, shardOf } from './layout.ts';
import { fetchPieces } from './pieces.ts';
import { decodePut } from './put-record.ts';

/** Where a reader is: the last record of each stream that it has read. */
export interface Position {
  readonly log: number;
  readonly done: number;
}

/** A record's events; none when it has none, or none of the message that is looked for. */
export interface Told {
  readonly sequence: number;
  readonly events: readonly MailEvent[];
}

export interface HistoryOptions {
  readonly streams: Pick<Streams, 'at' | 'last' | 'readAll'>;
  readonly layout: Layout;
  /** Told of what cannot be read: it is left out. Must not throw. */
  readonly unreadable: (thrown: unknown) => void;
}

const NOTHING = Buffer.alloc(0);

export class History {
  readonly #options: HistoryOptions;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** The ends. What became of mail until then is about mail that was queued until then. */
  async end(): Promise<Position> {
    const { streams, layout } = this.#options;
    const done = await streams.last(layout.done, layout.allDone);
    const log = await streams.last(layout.log, layout.allIn);
    return { log: log?.seq ?? 0, done: done?.seq ?? 0 };
  }

  /** That mail was queued, after a record of the log; `about`: only a message. */
  async *queued(after: number, about?: MessageId): AsyncGenerator<Told> {
    const { streams, layout } = this.#options;
    const reading = { stream: layout.log, subject: layout.allIn, from: after + 1, headersOnly: true };
    for await (const stored of streams.readAll(reading))
      yield { sequence: stored.seq, events: await this.#orNone(() => this.#queuedBy(stored, about)) };
  }

  /** What became of mail, after a record of that; `about`: only a message. */
  async *done(after: number, about?: MessageId): AsyncGenerator<Told> {
    const { streams, layout } = this.#options;
    for await (const stored of streams.readAll({ stream: layout.done, subject: layout.allDone, from: after + 1 }))
      yield { sequence: stored.seq, events: await this.#orNone(async () => doneBy(stored, about)) };
  }

  async #queuedBy(stored: Stored, about: MessageId | undefined): Promise<readonly MailEvent[]> {
    const { streams, layout } = this.#options;
    const { envelope, size } = decodePut(stored);
    const text =
      typeof envelope === 'string' ? envelope : ((await fetchPieces(streams, layout.log, envelope)) ?? '').toString();
    if (about !== undefined && !text.includes(about)) return [];
    const message = decodeMessage(text, NOTHING);
    if (about !== undefined && message.id !== about) return [];
    const shard = Number(stored.subject.split('.').at(-1));
    const own = queuedEvents(message).filter((it) => shardOf(domainOf(it.recipient), layout.shards) === shard);
    return own.map((it) => Object.assign(it, { size }));
  }

  async #orNone(read: () => Promise<readonly MailEvent[]>): Promise<readonly MailEvent[]> {
    try {
      return await read();
    } catch (thrown) {
      this.#options.unreadable(thrown);
      return [];
    }
  }
}

function doneBy(stored: Stored, about: MessageId | undefined): readonly MailEvent[] {
  if (about === undefined) return decodeDone(stored).flatMap(eventsOf);
  if (!stored.payload.includes(about)) return [];
  return decodeDone(stored)
    .flatMap(eventsOf)
    .filter((it) => it.message === about);
}
