/**
 * Opens a queue on NATS: connects, looks whether what the servers answer for is durable, makes the streams.
 */
import { type Access, Connection } from '#lib/nats/connection.ts';
import type { Durability } from '#lib/nats/report.ts';
import { Streams } from '#lib/nats/streams.ts';
import { type Layout, layoutOf } from './layout.ts';
import { Lookout, type LookoutOptions } from './lookout.ts';
import { JetstreamQueue, type JetstreamQueueOptions } from './queue.ts';
import { Room } from './room.ts';
import { makeStreams, type StreamSizes } from './streams.ts';

export interface OpenOptions
  extends
    StreamSizes,
    Pick<JetstreamQueueOptions, 'clock' | 'ioClock' | 'nextName' | 'openView' | 'unreadable' | 'crashed' | 'eventsFor'>,
    Pick<LookoutOptions, 'monitors' | 'promise' | 'doubtful'>,
    Access {
  /** Names the queue among others on the same servers. */
  readonly name: string;
  /** Never changes once there is mail. */
  readonly shards: number;
}

export interface Opened {
  readonly connection: Connection;
  readonly queue: JetstreamQueue;
  readonly streams: Streams;
  readonly layout: Layout;
  /** Why what was answered for may be lost, as it was seen last; none: it is not. */
  readonly doubts: readonly string[];
  readonly durability: Durability;
  /** Lets go of everything; what is in hand stays noted. */
  readonly close: () => Promise<void>;
}

/** Faults: `nats-away`, `nats-settings`; `nats-not-durable` when mail may be lost and nobody said that it may. */
export async function openJetstreamQueue(options: OpenOptions): Promise<Opened> {
  const { name, shards, ioClock } = options;
  const connection = await Connection.open({ ...options, name: `postfleet ${name}` });
  try {
    const streams = await Streams.of(connection, ioClock);
    const layout = layoutOf(name, shards);
    await makeStreams(streams, layout, options);
    const { promise, monitors, doubtful } = options;
    const server = (): string => connection.server.name;
    const lookout = new Lookout({
      streams,
      layout,
      sizes: options,
      monitors,
      server,
      promise,
      clock: ioClock,
      doubtful,
    });
    await lookout.begin();
    const refused = lookout.refusal();
    if (refused) throw refused;
    const room = new Room(streams, layout, ioClock);
    const refusal = () => lookout.refusal() ?? room.refusal();
    const queue = new JetstreamQueue({
      ...options,
      connection,
      streams,
      layout,
      refusal,
    });
    const close = async (): Promise<void> => {
      lookout.close();
      await connection.flush();
      await queue.close();
      await connection.close();
    };
    return {
      connection,
      queue,
      streams,
      layout,
      close,
      get doubts() {
        return lookout.doubts;
      },
      get durability() {
        return lookout.durability;
      },
    };
  } catch (thrown) {
    await connection.close();
    throw thrown;
  }
}
