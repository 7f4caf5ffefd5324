/**
 * The streams of the ledger: made when they are not there, and looked at when they are. Nothing deletes them.
 */
import { type Duration, hours } from '#lib/run/clock.ts';
import type { Streams } from '#lib/nats/streams.ts';
import { makeAll, type Wanted } from '../../../queue/jetstream/streams.ts';
import type { LedgerLayout } from './layout.ts';

export interface LedgerSizes {
  /** Servers that keep each record. */
  readonly replicas: number;
  /** Bytes of what holds now, and of events and what came back in their retention. A full stream refuses what comes. */
  readonly factBytes: number;
  readonly eventBytes: number;
  /** How long events are kept after their message was accepted. */
  readonly retention: Duration;
}

const NANOSECONDS = 1_000_000;
/** What is too old to be told stays that much longer. */
const GRACE: Duration = hours(24);
/** For so long the servers know the names of records: longer than an unknown end is looked into. */
const DUPLICATES_KNOWN_FOR = 120_000 * NANOSECONDS;

const wantedOf = (
  layout: LedgerLayout,
  { replicas, factBytes, eventBytes, retention }: LedgerSizes,
): readonly Wanted[] => {
  const kept = { storage: 'file', discard: 'new', allow_direct: true, num_replicas: replicas } as const;
  const max_age = (retention + GRACE) * NANOSECONDS;
  const [facts, back, events] = [layout.factSubjects, layout.backSubjects, layout.eventSubjects];
  const last = { max_msgs_per_subject: 1, allow_msg_ttl: true } as const;
  return [
    { name: layout.facts, subjects: facts, ...kept, ...last, allow_atomic: true, max_bytes: factBytes },
    {
      name: layout.back,
      subjects: back,
      ...kept,
      allow_atomic: true,
      max_age,
      max_bytes: eventBytes,
      duplicate_window: DUPLICATES_KNOWN_FOR,
    },
    // The oldest go before their time when there are too many: what waits to be copied is in the queue's streams meanwhile.
    {
      name: layout.events,
      subjects: events,
      ...kept,
      discard: 'old',
      allow_atomic: true,
      max_age,
      max_bytes: eventBytes,
    },
  ];
};

/** Fault `nats-settings` when one is there that loses what is written. */
export const makeLedgerStreams = (streams: Streams, layout: LedgerLayout, sizes: LedgerSizes): Promise<void> =>
  makeAll(streams, wantedOf(layout, sizes));
