/**
 * The queue on NATS, as the `MTACluster` declares it and the command line says where servers tell how they are set.
 */
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import { keyOf } from '#crds/resource.ts';
import type { Access } from '#lib/nats/connection.ts';
import { type Duration, hours } from '#lib/run/clock.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { QueueWord } from '#lib/nats/report.ts';
import { Database } from '#lib/sqlite/database.ts';
import { SharedThread } from '#lib/sqlite/shared-thread.ts';
import type { Ground } from './ground.ts';
import { natsAccess } from './nats-access.ts';
import { patiently } from './patience.ts';
import { type Opened, openJetstreamQueue } from '../queue/jetstream/open.ts';
import { VIEW_TABLES } from '../queue/jetstream/view.ts';
import type { NatsSettings } from './settings.ts';
import { tellCrash } from './tell-crash.ts';

export interface ClusterQueue extends Pick<Opened, 'connection' | 'queue' | 'streams' | 'layout'> {
  readonly access: Access;
  readonly shards: number;
  readonly replicas: number;
  /** Most bytes of a stream. */
  readonly bytes: number;
  /** The queue's name among others on the same servers. */
  readonly name: string;
  /** A name that nobody else gives. */
  readonly nextName: () => string;
  /** An empty database that is gone with the process; all of them are in one thread. */
  readonly openView: (migrations: readonly string[]) => Promise<Database>;
  /** Whether what is answered for is on disk, as it was seen last, and why not. */
  readonly standing: () => Pick<QueueWord, 'durability' | 'doubt'>;
}

/** Bytes of a stream, unless it is declared. */
const MOST_BYTES = 2 * 1024 ** 3;
/** What became of mail is found in the ledger's own stream as soon as it is copied; beside the queue it stays for so long. */
const EVENTS_FOR: Duration = hours(24);
const NAME_BYTES = 9;

export async function openClusterQueue(
  ground: Ground,
  settings: NatsSettings,
  opened: AsyncDisposableStack,
): Promise<ClusterQueue> {
  const { cluster, clock, random, log } = ground;
  const { shards } = cluster().spec;
  const nats = natsOf(cluster());
  const access = await natsAccess(nats, ground, opened);
  const name = keyOf(cluster().metadata).replaceAll(/[^\w-]/g, '_');
  const views = opened.adopt(new SharedThread(), (it) => it.close());
  const unreadable = (thrown: unknown): void =>
    log.error('a queued message was set aside', { reason: reasonOf(thrown) });
  const told = (doubts: readonly string[]): void => {
    for (const reason of doubts) log.error('NATS may lose what it answered for', { reason });
  };
  const bytes = nats.maxBytes ?? MOST_BYTES;
  const nextName = namesBy(random.bytes(NAME_BYTES).toString('base64url'));
  const openView = (migrations: readonly string[]): Promise<Database> =>
    Database.open({ path: '', isScratch: true, migrations }, clock, views.start);
  const open = () =>
    openJetstreamQueue({
      ...access,
      name,
      shards,
      monitors: settings.monitors ?? access.servers.map(monitorOf),
      promise: settings.allowUnsynced ? 'answered' : 'synced',
      doubtful: told,
      replicas: nats.replicas,
      logBytes: bytes,
      doneBytes: bytes,
      eventsFor: EVENTS_FOR,
      clock,
      ioClock: clock,
      nextName,
      openView: () => openView(VIEW_TABLES),
      crashed: (after, shard) => tellCrash(after, ground, shard),
      unreadable,
    });
  const queue = opened.adopt(await patiently(open, { clock, log }), (it) => it.close());
  told(queue.doubts);
  const { connection, streams, layout } = queue;
  const { replicas } = nats;
  const standing = () => ({ durability: queue.durability, doubt: queue.doubts[0] ?? '' });
  const ways = { access, nextName, openView, standing };
  return { connection, queue: queue.queue, streams, layout, shards, replicas, bytes, name, ...ways };
}

/** Where a server's monitoring is by custom. */
const monitorOf = (server: string): string => `http://${server.replace(/:\d+$/, '')}:8222`;

/** No two processes have the same holder. */
function namesBy(holder: string): () => string {
  let count = 0;
  return () => `${holder}${(count += 1).toString(36)}`;
}

function natsOf({ spec }: MTACluster): NonNullable<MTACluster['spec']['queue']['nats']> {
  const { nats } = spec.queue;
  if (nats) return nats;
  throw new Fault(
    'queue-unsupported',
    'this role has its queue on NATS: name spec.queue.nats in the MTACluster, or start `postfleet standalone`',
  );
}
