/**
 * A queue on real NATS servers, as a process would open it; each harness has streams of its own.
 */
import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '#lib/run/clock.ts';
import type { Streams } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import { Database } from '#lib/sqlite/database.ts';
import { type MailEvent, queuedEvents } from '#mta/mail/event.ts';
import { eventsOf } from '#mta/queue/changes.ts';
import { decodeMessage } from '#mta/queue/codec.ts';
import { decodeDone } from '#mta/queue/jetstream/done-record.ts';
import type { Layout } from '#mta/queue/jetstream/layout.ts';
import { type Opened, type OpenOptions, openJetstreamQueue } from '#mta/queue/jetstream/open.ts';
import { decodePut } from '#mta/queue/jetstream/put-record.ts';
import { VIEW_TABLES } from '#mta/queue/jetstream/view.ts';
import type { QueueHarness } from '#mta/queue/queue.contract.ts';
import { serveHere } from './database.ts';
import type { Nats } from './nats.ts';

/** A name for a queue that no other test has. */
export const newName = (): string => `q${randomUUID().slice(0, 8)}`;

/** Closed as a process ends that is killed: what it had sent is with the servers. */
export function openQueue(
  nats: Pick<Nats, 'urls' | 'monitors'>,
  name: string,
  clock: Clock,
  over: Partial<OpenOptions> = {},
): Promise<Opened> {
  return openJetstreamQueue({
    servers: nats.urls,
    monitors: nats.monitors,
    name,
    shards: 1,
    promise: 'synced',
    replicas: 1,
    logBytes: 2 * 1024 ** 3,
    doneBytes: 1024 ** 3,
    clock,
    ioClock: systemClock,
    nextName: randomUUID,
    openView: () => Database.open({ path: '', isScratch: true, migrations: VIEW_TABLES }, systemClock, serveHere),
    unreadable: (thrown) => {
      throw thrown;
    },
    ...over,
  });
}

/** For `queueContract`: one shard, streams of its own on servers that run. */
export function jetstreamHarness(nats: () => Nats, replicas: number): QueueHarness {
  const name = newName();
  let opened: Opened | undefined;
  return {
    async open(clock) {
      opened = await openQueue(nats(), name, clock, { replicas });
      return opened.queue;
    },
    async crash() {
      await opened?.close();
      opened = undefined;
    },
    events: async () => (opened ? eventsOnRecord(opened) : []),
    async dispose() {
      const { streams, layout, close } = await openQueue(nats(), name, systemClock, { replicas });
      for (const stream of [layout.keys, layout.log, layout.done, layout.hand]) await streams.remove(stream);
      await close();
    },
  };
}

/** What was queued, then what became of it. */
async function eventsOnRecord({ streams, layout }: { streams: Streams; layout: Layout }): Promise<MailEvent[]> {
  const events: MailEvent[] = [];
  for await (const it of streams.readAll({ stream: layout.log, subject: layout.inOf(0), from: 1 }))
    events.push(...queuedBy(it));
  for await (const it of streams.readAll({ stream: layout.done, subject: layout.doneOf(0), from: 1 }))
    events.push(...decodeDone(it).flatMap(eventsOf));
  return events;
}

function queuedBy(stored: Stored): readonly MailEvent[] {
  const { envelope, payload } = decodePut(stored);
  return typeof envelope === 'string' ? queuedEvents(decodeMessage(envelope, payload)) : [];
}
