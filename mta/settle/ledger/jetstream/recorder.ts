/**
 * Writes what the queue's streams tell into the stream of events, where a message is found: every two seconds, many to a record.
 *
 * Every process may do it and one at a time does: how far it has come is written with the events, only where nobody else has come
 * further. Nothing waits for it; what it has not written yet, who looks reads from the queue's streams (`trail.ts`).
 */
import type { Clock, Duration, Timer } from '#lib/run/clock.ts';
import { hours, seconds } from '#lib/run/clock.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import type { Streams } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { MailEvent } from '../../../mail/event.ts';
import type { History } from '../../../queue/jetstream/history.ts';
import { appendFacts } from './appends.ts';
import { decodeReached, encodeEvents, encodeReached, NOTHING_REACHED, type Reached } from './event-record.ts';
import type { LedgerLayout } from './layout.ts';

export interface RecorderOptions {
  readonly streams: Pick<Streams, 'appendAll' | 'last'>;
  readonly layout: LedgerLayout;
  readonly history: History;
  /** The machine's. */
  readonly ioClock: Clock;
  readonly nextName: () => string;
  /** Told when nothing can be written for a while. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

interface Progress {
  reached: Reached;
  /** The record that says so. */
  after: number;
}

const PACE: Duration = seconds(2);
/** How far it goes is said again after so long without anything to write: the server forgets what is old. */
const SAID_EVERY: Duration = hours(12);
/** Events written together: more than one record, fewer than a server takes messages in a batch. */
const TOGETHER = 900;

export class Recorder {
  readonly #options: RecorderOptions;
  #timer: Timer | undefined;
  #turning: Promise<void> = Promise.resolve();
  /** The record that said last how far it goes; undefined before it was looked for. */
  #seen: number | undefined;
  #said: Duration;
  #isStopped = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#said = options.ioClock.monotonic();
  }

  start(): void {
    this.#plan();
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#turning;
  }

  /** Whether all that was there is written; not when somebody else is at it. */
  async record(): Promise<boolean> {
    const { history } = this.#options;
    const end = await history.end();
    const last = await this.#last();
    const writing = { reached: last ? decodeReached(last) : NOTHING_REACHED, after: last?.seq ?? 0 };
    if (this.#isLongAgo(last)) await this.#write([], writing.reached, writing);
    // Queued first: what became of mail until the end is about mail that was queued until then.
    return (await this.#recordAll('log', writing, end.log)) && (await this.#recordAll('done', writing, end.done));
  }

  /** How far events are copied, by whomever. */
  async reached(): Promise<Reached> {
    const last = await this.#last();
    return last ? decodeReached(last) : NOTHING_REACHED;
  }

  #plan(): void {
    if (this.#isStopped) return;
    this.#timer = this.#options.ioClock.after(PACE, () => {
      this.#turning = this.#turn().then(() => this.#plan());
    });
  }

  /** Who has written since the last look goes on with it. */
  async #turn(): Promise<void> {
    try {
      const last = (await this.#last())?.seq ?? 0;
      const isOthers = last !== this.#seen;
      this.#seen = last;
      if (!isOthers) await this.record();
    } catch (thrown) {
      this.#options.troubled(thrown);
    }
  }

  #last(): Promise<Stored | undefined> {
    const { streams, layout } = this.#options;
    return streams.last(layout.events, layout.reached);
  }

  async #recordAll(what: keyof Reached, writing: Progress, end: number): Promise<boolean> {
    const { history } = this.#options;
    const from = writing.reached[what];
    if (from >= end) return true;
    let events: MailEvent[] = [];
    for await (const told of what === 'log' ? history.queued(from) : history.done(from)) {
      events.push(...told.events);
      const isEnd = told.sequence >= end || this.#isStopped;
      if (events.length < TOGETHER && !isEnd) continue;
      const reached = { ...writing.reached, [what]: told.sequence };
      if (!(await this.#write(events, reached, writing))) return false;
      if (isEnd) return !this.#isStopped;
      events = [];
    }
    // The end is gone meanwhile: what was read of it is read again.
    return true;
  }

  #isLongAgo(last: Stored | undefined): boolean {
    return last !== undefined && this.#options.ioClock.monotonic() - this.#said > SAID_EVERY;
  }

  async #write(events: readonly MailEvent[], reached: Reached, writing: Progress): Promise<boolean> {
    const { layout, ioClock } = this.#options;
    const records: Outgoing[] = encodeEvents(events, layout);
    records.push(encodeReached(reached, writing.after, layout));
    const ended = await appendFacts({ ...this.#options, clock: ioClock }, layout.events, records);
    if (ended.kind !== 'stored') return false;
    writing.reached = reached;
    writing.after = this.#seen = ended.sequence;
    this.#said = ioClock.monotonic();
    return true;
  }
}
