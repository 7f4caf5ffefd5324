/**
 * Opens a queue on NATS: connects, looks whether what the servers answer for is durable, makes the streams.
 */
import type { Clock } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import { Connection } from '#lib/nats/connection.ts';
import { lookAtServer } from '#lib/nats/monitor.ts';
import { Streams } from '#lib/nats/streams.ts';
import { doubtsOf } from './durability.ts';
import { type Layout, layoutOf } from './layout.ts';
import { JetstreamQueue, type JetstreamQueueOptions } from './queue.ts';
import { makeStreams, type StreamSizes } from './streams.ts';

export interface OpenOptions
  extends StreamSizes, Pick<JetstreamQueueOptions, 'clock' | 'ioClock' | 'nextName' | 'openView' | 'unreadable'> {
  readonly servers: readonly string[];
  /** Where servers say how they are set: `http://host:8222`, one for each that keeps streams. */
  readonly monitors: readonly string[];
  /** Names the queue among others on the same servers. */
  readonly name: string;
  /** Never changes once there is mail. */
  readonly shards: number;
  /** `answered`: what was answered for may be lost when servers lose their power. */
  readonly promise: 'synced' | 'answered';
}

export interface Opened {
  readonly queue: JetstreamQueue;
  readonly streams: Streams;
  readonly layout: Layout;
  /** Why what was answered for may be lost; none: it is not. */
  readonly doubts: readonly string[];
  /** Lets go of everything; what is in hand stays noted. */
  readonly close: () => Promise<void>;
}

/** Faults: `nats-away`, `nats-settings`; `nats-not-durable` when mail may be lost and nobody said that it may. */
export async function openJetstreamQueue(options: OpenOptions): Promise<Opened> {
  const { servers, name, shards, ioClock } = options;
  const connection = await Connection.open({ servers, name: `postfleet ${name}` });
  try {
    const streams = await Streams.of(connection, ioClock);
    const layout = layoutOf(name, shards);
    await makeStreams(streams, layout, options);
    const doubts = await findDoubts(options, connection, streams, layout);
    const queue = new JetstreamQueue({ ...options, connection, streams, layout });
    const close = async (): Promise<void> => {
      await connection.flush();
      await queue.close();
      await connection.close();
    };
    return { queue, streams, layout, doubts, close };
  } catch (thrown) {
    await connection.close();
    throw thrown;
  }
}

async function findDoubts(
  { monitors, promise, ioClock }: OpenOptions,
  connection: Connection,
  streams: Streams,
  layout: Layout,
): Promise<string[]> {
  const about = await Promise.all([layout.log, layout.done].map((it) => streams.about(it)));
  const [names, seen] = [
    new Set([connection.server.name, ...about.flatMap((it) => it.servers)]),
    await lookAtAll(monitors, ioClock),
  ];
  const doubts = doubtsOf(seen, [...names]);
  const [doubt] = doubts;
  if (doubt !== undefined && promise === 'synced') throw new Fault('nats-not-durable', doubt);
  return doubts;
}

/** Those that do not answer are unknown. */
async function lookAtAll(monitors: readonly string[], clock: Clock) {
  const looked = await Promise.allSettled(monitors.map((it) => lookAtServer(it, clock)));
  return looked.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
}
