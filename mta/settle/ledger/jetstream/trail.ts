/**
 * Finds what happened to a message: in the stream of events up to where that goes, and from there on in the queue's own.
 *
 * Nothing is kept at hand for it, so it costs no memory, and a look some milliseconds of reading.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';
import type { Streams } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { MailEvent } from '../../../mail/event.ts';
import { acceptedAtOf, type MessageId } from '../../../mail/message.ts';
import type { History } from '../../../queue/jetstream/history.ts';
import { decodeEvents, decodeReached, mayTellOf, NOTHING_REACHED, slotOf } from './event-record.ts';
import type { LedgerLayout } from './layout.ts';

export interface TrailOptions {
  readonly streams: Pick<Streams, 'at' | 'last' | 'readAll'>;
  readonly layout: LedgerLayout;
  readonly history: History;
  readonly clock: Clock;
  /** How long events are kept after their message was accepted. */
  readonly retention: Duration;
  /** Those of mail that came back, oldest first. */
  readonly returnedOf: (message: MessageId) => Promise<readonly MailEvent[]>;
}

export class Trail {
  readonly #options: TrailOptions;

  constructor(options: TrailOptions) {
    this.#options = options;
  }

  /** Every event of a message, oldest first; none of one that is too old. */
  async of(message: MessageId): Promise<readonly MailEvent[]> {
    const { streams, layout, history, clock, retention, returnedOf } = this.#options;
    if (!(acceptedAtOf(message) >= clock.now() - retention)) return [];
    const last = await streams.last(layout.events, layout.reached);
    const reached = last ? decodeReached(last) : NOTHING_REACHED;
    // What is written after this look is read from the queue's streams.
    const events = last ? await this.#recorded(message, last.seq) : [];
    for await (const told of history.queued(reached.log, message)) events.push(...told.events);
    for await (const told of history.done(reached.done, message)) events.push(...told.events);
    return withReturned(events, await returnedOf(message));
  }

  async #recorded(message: MessageId, until: number): Promise<MailEvent[]> {
    const { streams, layout } = this.#options;
    const subject = layout.eventsOf(slotOf(message));
    const found: number[] = [];
    for await (const it of streams.readAll({ stream: layout.events, subject, from: 1, headersOnly: true })) {
      if (it.seq > until) break;
      if (mayTellOf(it, message)) found.push(it.seq);
    }
    const events: MailEvent[] = [];
    for (const seq of found) {
      const stored: Stored | undefined = await streams.at(layout.events, seq);
      if (stored) events.push(...decodeEvents(stored).filter((it) => it.message === message));
    }
    return events;
  }
}

/** What came back comes after all that was said until then. */
function withReturned(events: readonly MailEvent[], returned: readonly MailEvent[]): readonly MailEvent[] {
  const all = [...events];
  let from = 0;
  for (const event of returned) {
    const before = all.findLastIndex((it) => it.at <= event.at);
    from = Math.max(from, before + 1);
    all.splice(from, 0, event);
    from += 1;
  }
  return all;
}
