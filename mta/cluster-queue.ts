/**
 * The queue on NATS, as the `MTACluster` declares it and the command line says where servers tell how they are set.
 */
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import { keyOf } from '#crds/resource.ts';
import { minutes } from '#lib/run/clock.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import { Database } from '#lib/sqlite/database.ts';
import { SharedThread } from '#lib/sqlite/shared-thread.ts';
import type { Ground } from './ground.ts';
import { patiently } from './patience.ts';
import { type Opened, openJetstreamQueue } from './queue/jetstream/open.ts';
import { VIEW_TABLES } from './queue/jetstream/view.ts';
import type { NatsSettings } from './settings.ts';

export interface ClusterQueue extends Pick<Opened, 'queue' | 'streams' | 'layout'> {
  readonly servers: readonly string[];
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
}

/** Bytes of a stream, unless it is declared. */
const MOST_BYTES = 2 * 1024 ** 3;
/** How old what has ended has to be before the log may forget it: longer than a put takes, and than its events are copied in. */
const SETTLED_FOR = minutes(2);
const TRIM_EVERY = minutes(1);
const NAME_BYTES = 9;

export async function openClusterQueue(
  { cluster, clock, random, log }: Ground,
  settings: NatsSettings,
  opened: AsyncDisposableStack,
): Promise<ClusterQueue> {
  const { shards } = cluster().spec;
  const nats = natsOf(cluster());
  const name = keyOf(cluster().metadata).replaceAll(/[^\w-]/g, '_');
  const servers = nats.servers.map((it) => it.replace(/^nats:\/\//, ''));
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
      servers,
      name,
      shards,
      monitors: settings.monitors ?? servers.map(monitorOf),
      promise: settings.allowUnsynced ? 'answered' : 'synced',
      doubtful: told,
      replicas: nats.replicas,
      logBytes: bytes,
      doneBytes: bytes,
      clock,
      ioClock: clock,
      nextName,
      openView: () => openView(VIEW_TABLES),
      unreadable,
    });
  const queue = opened.adopt(await patiently(open, { clock, log }), (it) => it.close());
  told(queue.doubts);
  const trimming = trimNowAndThen(queue, clock, (reason) => log.warn('the streams cannot be trimmed', { reason }));
  opened.defer(() => trimming.cancel());
  const { streams, layout } = queue;
  const { replicas } = nats;
  return { queue: queue.queue, streams, layout, servers, shards, replicas, bytes, name, nextName, openView };
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
  if (!nats)
    throw new Fault(
      'queue-unsupported',
      'this role has its queue on NATS: name spec.queue.nats in the MTACluster, or start `postfleet standalone`',
    );
  const secured = nats.credentialsRef ?? nats.caRef ?? nats.servers.find((it) => it.startsWith('tls:'));
  if (secured !== undefined)
    throw new Fault(
      'queue-unsupported',
      'this release speaks to NATS in clear and without credentials only: take credentialsRef, caRef and tls:// out of spec.queue.nats',
    );
  return nats;
}

function trimNowAndThen(
  { queue }: Pick<Opened, 'queue'>,
  clock: Ground['clock'],
  failed: (reason: string) => void,
): { cancel(): void } {
  let isOver = false;
  let timer = clock.after(TRIM_EVERY, trim);
  function trim(): void {
    queue
      .trim(SETTLED_FOR)
      .catch((thrown: unknown) => failed(reasonOf(thrown)))
      .finally(() => {
        if (!isOver) timer = clock.after(TRIM_EVERY, trim);
      });
  }
  return {
    cancel() {
      isOver = true;
      timer.cancel();
    },
  };
}
