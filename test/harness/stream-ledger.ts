/**
 * A ledger on real NATS servers, as a process would open it, beside the streams of a queue of its own.
 */
import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '#lib/run/clock.ts';
import { Connection } from '#lib/nats/connection.ts';
import { Streams } from '#lib/nats/streams.ts';
import { Database } from '#lib/sqlite/database.ts';
import type { MailEvent } from '#mta/mail/event.ts';
import type { Change } from '#mta/queue/changes.ts';
import { encodeDone } from '#mta/queue/jetstream/done-record.ts';
import { NO_FLOOR } from '#mta/queue/jetstream/floor.ts';
import { layoutOf } from '#mta/queue/jetstream/layout.ts';
import { makeStreams } from '#mta/queue/jetstream/streams.ts';
import {
  LEDGER_VIEW_TABLES,
  openStreamLedger,
  type StreamLedger,
  type StreamLedgerOptions,
} from '#mta/settle/ledger/jetstream/open.ts';
import { serveHere } from './database.ts';
import type { Nats } from './nats.ts';

export interface OpenedLedger {
  readonly ledger: StreamLedger;
  /** While true, NATS refuses what is appended. */
  broken: boolean;
  /** Of what this process keeps at hand. */
  readonly view: Database;
  readonly streams: Streams;
  /** Makes events durable as the queue does with outcomes. */
  readonly record: (events: readonly MailEvent[]) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Servers set it aside for each stream. */
const ENOUGH = 32 * 1024 * 1024;

export async function openLedger(
  nats: Pick<Nats, 'urls'>,
  name: string,
  clock: Clock,
  over: Partial<StreamLedgerOptions> = {},
): Promise<OpenedLedger> {
  const connection = await Connection.open({ servers: nats.urls, name: `ledger ${name}` });
  const streams = await Streams.of(connection, systemClock);
  const layout = layoutOf(name, 1);
  const replicas = over.replicas ?? 1;
  await makeStreams(streams, layout, { replicas, logBytes: ENOUGH, doneBytes: ENOUGH });
  const view = await openLedgerView();
  const state = { broken: false };
  const append = streams.appendAll.bind(streams);
  streams.appendAll = async (...of) => (state.broken ? { kind: 'refused', reason: 'by the test' } : append(...of));
  const ledger = await openStreamLedger({
    streams,
    name,
    shards: 1,
    replicas,
    factBytes: ENOUGH,
    eventBytes: ENOUGH,
    clock,
    ioClock: systemClock,
    nextName: randomUUID,
    writer: 'one',
    openView: async () => view,
    troubled: (thrown) => {
      throw thrown;
    },
    ...over,
  });
  const record = async (events: readonly MailEvent[]): Promise<void> => {
    const subject = layout.doneOf(0);
    const after = (await streams.last(layout.done, subject))?.seq ?? 0;
    const records = encodeDone(events.map(changeOf), {
      subject,
      write: randomUUID(),
      holding: 1,
      after,
      floor: NO_FLOOR,
      begin: NO_FLOOR,
    });
    const { kind } = await append(records, randomUUID());
    if (kind !== 'stored') throw new Error(`events are ${kind}`);
  };
  const close = async (): Promise<void> => {
    await ledger.close();
    await connection.close();
  };
  return Object.assign(state, { ledger, view, streams, record, close });
}

/** What a process keeps of a ledger at hand, while it is empty. */
export const openLedgerView = (): Promise<Database> =>
  Database.open({ path: '', isScratch: true, migrations: [...LEDGER_VIEW_TABLES] }, systemClock, serveHere);

const changeOf = (event: MailEvent): Change => ({ kind: 'ended', entry: 1, only: true, owed: false, event });
