/**
 * Composition root of the operator: several may run, one leads and reconciles, the others stand by with everything read.
 *
 * It speaks with the API server only. Losing the lease ends the process: what was under way is harmless, and somebody else leads.
 */
import { openHttp } from '#lib/http/server.ts';
import { healthRoutes } from '#lib/http/health.ts';
import type { KubeObject, KubeType } from '#lib/kube/kube.ts';
import { kubeAccess } from '#lib/kube/access.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import type { KubeChange } from '#lib/kube/reflector.ts';
import { type Clock, seconds, type Timer } from '#lib/run/clock.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import { watchProcess } from '#lib/run/metrics.ts';
import type { Random } from '#lib/run/random.ts';
import { clusterKey } from './cluster/relays.ts';
import { ClusterReconciler } from './cluster/reconcile.ts';
import { openController, watchControllers } from './controller/controller.ts';
import { Election } from './controller/election.ts';
import type { OperatorSettings } from './settings.ts';
import { CHILDREN, typeOf } from './types.ts';
import { ownerKey, World } from './world.ts';

export interface OperatorOptions {
  readonly settings: OperatorSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** It leads no more and must end. Called once at most. */
  readonly failed: (fault: Fault) => void;
}

export interface Operator {
  /** Where metrics and health are asked for. */
  readonly url: string;
  /** Ends what is under way, then gives up the lease. */
  stop(): Promise<void>;
}

const LEASE = 'postfleet-operator';
/** Everything is looked at again this often, whatever was heard. */
const RESYNC_EVERY = seconds(600);
const NOT_READ_YET = seconds(0.5);

/** Rejects when its address cannot be listened on, or the kubeconfig cannot be read. */
export async function startOperator({ settings, clock, random, log, failed }: OperatorOptions): Promise<Operator> {
  const kube = new ApiServer(kubeAccess(), clock, random);
  const world = new World({
    kube,
    clock,
    random,
    ...(settings.watchNamespaces && { namespaces: settings.watchNamespaces }),
    watched: [...OURS.map((type) => ({ type })), ...CHILDREN.map((type) => ({ type, labelSelector: MANAGED }))],
    changed: (type, change) => hear(type, change),
  });
  const reconciler = new ClusterReconciler({ kube, world, clock, image: settings.image });
  const clusters = openController(
    {
      name: reconciler.name,
      reconcile: async (key) => (world.isSynced ? reconciler.reconcile(key) : { kind: 'done', again: NOT_READ_YET }),
    },
    { clock, log, isLeading: () => election.isLeading },
  );
  const hear = (type: KubeType, change: KubeChange): void => {
    for (const key of clustersOf(type, change.object)) clusters.add(key);
    if (change.kind === 'changed') for (const key of clustersOf(type, change.before)) clusters.add(key);
  };
  const all = (): void => {
    for (const { metadata } of world.objects(CLUSTERS)) clusters.add(`${metadata.namespace}/${metadata.name}`);
  };
  const election = new Election({
    kube,
    clock,
    random,
    namespace: settings.namespace,
    name: LEASE,
    identity: settings.identity,
    began: () => {
      log.info('this process leads', { identity: settings.identity });
      all();
    },
    lost: () =>
      failed(new Fault('lease-lost', 'Another may lead now: this process ends and stands by after its restart.')),
    troubled: (thrown) => log.warn('the lease could not be asked for', { reason: reasonOf(thrown) }),
  });
  watchControllers({ mtacluster: clusters }, () => election.isLeading);
  watchProcess();
  const health = await openHttp({
    name: 'metrics',
    setting: '--metrics',
    ...settings.metrics,
    routes: healthRoutes(() => [
      { part: 'resources', ready: world.isSynced, reason: 'the API server has not told them yet' },
    ]),
  });
  const resync = every(clock, random, all);
  return {
    url: health.url,
    stop: async () => {
      resync.cancel();
      await clusters.close();
      await election.close();
      await world.close();
      await health.close();
      kube.close();
    },
  };
}

const CLUSTERS = typeOf('MTACluster');
const OURS = [CLUSTERS, typeOf('IPPool'), typeOf('DestinationPolicy')];
const MANAGED = 'app.kubernetes.io/managed-by=postfleet-operator';

/** Clusters that a change of an object may be about. */
function clustersOf({ kind }: KubeType, object: KubeObject): string[] {
  const { namespace, name } = object.metadata;
  if (kind === 'MTACluster') return [`${namespace}/${name}`];
  if (kind === 'IPPool' || kind === 'DestinationPolicy') return [clusterKey(object)];
  const owner = ownerKey(object, 'MTACluster');
  return owner === undefined ? [] : [owner];
}

/** Again and again, a little apart from others. */
function every(clock: Clock, random: Random, act: () => void): { cancel(): void } {
  const wait = (): Timer =>
    clock.after(RESYNC_EVERY * (1 + 0.1 * random.fraction()), () => {
      act();
      timer = wait();
    });
  let timer = wait();
  return { cancel: () => timer.cancel() };
}
