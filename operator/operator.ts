/**
 * Composition root of the operator: several may run, one leads and reconciles, the others stand by with everything read.
 *
 * It speaks with the API server and DNS only. Losing the lease ends the process: what was under way is harmless, and somebody else leads.
 */
import { typeOfKind } from '#crds/definition.ts';
import { type Kind, KINDS } from '#crds/kinds.ts';
import { healthRoutes } from '#lib/http/health.ts';
import { openHttp } from '#lib/http/server.ts';
import { type Kube, kubeKey } from '#lib/kube/kube.ts';
import { LEASES } from '#lib/kube/pod-report.ts';
import type { ControllerName } from '#lib/metric/operating.ts';
import { type Clock, type Duration, milliseconds, seconds, type Timer } from '#lib/run/clock.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import type { Random } from '#lib/run/random.ts';
import { clustersElsewhere } from './cluster/elsewhere.ts';
import { ClusterReconciler } from './cluster/reconcile.ts';
import { openController, type Reconciler, watchControllers } from './controller/controller.ts';
import { Election } from './controller/election.ts';
import type { WorkQueue } from './controller/work-queue.ts';
import { CredentialReconciler } from './credential/reconcile.ts';
import { policyReconciler, poolReconciler } from './declared/kinds.ts';
import { usedOn } from './credential/used.ts';
import { DnsLooks } from './declared/dns-looks.ts';
import { holdersIn } from './declared/holders.ts';
import { watchPools } from './declared/pool-gauges.ts';
import { SinkReconciler } from './declared/sink-reconcile.ts';
import { openDns } from './dns.ts';
import { Looks } from './domain/looks.ts';
import { publishing } from './domain/publish.ts';
import { DomainReconciler } from './domain/reconcile.ts';
import { Events } from './events.ts';
import { credentialLoadedBy, loadedBy } from './keyring/loaded.ts';
import { KeyringReconciler } from './keyring/reconcile.ts';
import { keyringKeysIn } from './keyring/signers.ts';
import type { OperatorSettings } from './settings.ts';
import { type Due, dueBy, tellsOfPods, waitingForPods } from './triggers.ts';
import { targetsOf } from './typed.ts';
import { PODS, WATCHED, WATCHED_WIDE } from './types.ts';
import { World } from './world.ts';

export interface OperatorOptions {
  /** Closed when it has stopped. */
  readonly kube: Kube;
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
const OURS = typeOfKind('MTACluster').group;
/** Everything is looked at again this often, whatever was heard. */
const RESYNC_EVERY: Duration = seconds(600);
const NOT_READ_YET: Duration = milliseconds(500);
/** Pods, and what they have, change many at a time. */
const GATHER_PODS: Duration = milliseconds(200);

/** Rejects when its address cannot be listened on. */
export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const { kube, settings, clock, random, log, failed } = options;
  const { egressNamespace, resolvers, allowPrivate } = settings;
  const dns = await openDns({ clock, random, resolvers, allowPrivate });
  const world: World = new World({
    kube,
    clock,
    random,
    ...(settings.watchNamespaces && { namespaces: settings.watchNamespaces }),
    nodesNamespace: egressNamespace,
    // Of namespaces as such only who may see all of them knows more than names.
    watched: settings.watchNamespaces ? WATCHED : [...WATCHED, ...WATCHED_WIDE],
    changed: (type, change) => {
      if (type.group === OURS) events.heard(change);
      addAll(dueBy(type, change, world, egressNamespace));
      if (tellsOfPods(type, change)) pods ??= clock.after(GATHER_PODS, waited);
    },
    turned: () => {
      for (const key of publishing(world)) add('sendingdomain', key);
    },
  });
  const { identity } = settings;
  const events = new Events({ kube, clock, identity, isLeading: () => election.isLeading });
  const targets = targetsOf(world);
  let opening: Promise<Looks> | undefined;
  let opened: Looks | undefined;
  const looks = async (): Promise<Looks> =>
    (opened = await (opening ??= Looks.open({
      ...dns,
      clock,
      random,
      domains: () => world.objects(typeOfKind('SendingDomain')),
      looked: (key) => add('sendingdomain', key),
    })));
  const open = (reconciler: Reconciler): WorkQueue =>
    openController(
      {
        name: reconciler.name,
        reconcile: async (key) => (world.isSynced ? reconciler.reconcile(key) : { kind: 'done', again: NOT_READ_YET }),
      },
      { clock, log, isLeading: () => election.isLeading },
    );
  const dnsLooks = new DnsLooks({ clock, lookUp: dns.lookUp, looked: (key) => add('ippool', key) });
  const holders = () =>
    egressNamespace === undefined ? undefined : holdersIn(egressNamespace, world.objects(PODS), world.objects(LEASES));
  const around = { kube, world, targets, clock, random };
  const keyring: KeyringReconciler = new KeyringReconciler({
    ...around,
    keysOf: (domain) => keyringKeysIn(world, clock.now(), domain, () => opened?.last(kubeKey(domain.metadata))),
  });
  const { image, podsRole, watchNamespaces } = settings;
  const compile = (key: string): void => queues.keyring.addAfter(key, keyring.gathers);
  const queues: Readonly<Record<ControllerName, WorkQueue>> = {
    mtacluster: open(new ClusterReconciler({ ...around, image, podsRole, watchNamespaces })),
    ippool: open(poolReconciler(around, dnsLooks, holders)),
    sendingdomain: open(
      new DomainReconciler({
        ...around,
        looks,
        resolver: dns.resolver,
        hostname: settings.hostname,
        loaded: (...of) => loadedBy(world, ...of),
        compile,
      }),
    ),
    destinationpolicy: open(policyReconciler(around)),
    sendingcredential: open(
      new CredentialReconciler({
        ...around,
        loaded: (...of) => credentialLoadedBy(world, ...of),
        usedOn: (...of) => usedOn(world, clock.now(), ...of),
      }),
    ),
    eventsink: open(new SinkReconciler(around)),
    keyring: open(keyring),
  };
  const add = (name: string, key: string): void =>
    name === 'keyring' ? compile(key) : queues[name as ControllerName].add(key);
  const addAll = (due: Due): void => {
    for (const [name, keys] of Object.entries(due)) for (const key of keys) add(name, key);
  };
  let pods: Timer | undefined;
  const waited = (): void => {
    pods = undefined;
    addAll(waitingForPods(world, clock.now()));
  };
  const all = (): void => {
    for (const kind of Object.keys(KINDS) as Kind[])
      for (const { metadata } of world.objects(typeOfKind(kind))) add(kind.toLowerCase(), kubeKey(metadata));
    for (const { metadata } of world.objects(typeOfKind('MTACluster'))) compile(kubeKey(metadata));
    for (const key of clustersElsewhere(world)) add('mtacluster', key);
  };
  const election: Election = new Election({
    kube,
    clock,
    random,
    namespace: settings.namespace,
    name: LEASE,
    identity,
    began: () => {
      log.info('this process leads', { identity });
      all();
    },
    lost: () =>
      failed(new Fault('lease-lost', 'Another may lead now: this process ends and stands by after its restart.')),
    troubled: (thrown) => log.warn('the lease could not be asked for', { reason: reasonOf(thrown) }),
  });
  watchPools(world);
  watchControllers(queues, () => election.isLeading);
  const reason = 'the API server has not told them yet';
  const health = await openHttp({
    name: 'metrics',
    setting: '--metrics',
    ...settings.metrics,
    routes: healthRoutes(() => [{ part: 'resources', ready: world.isSynced, reason }]),
  });
  const resync = every(clock, random, all);
  return {
    url: health.url,
    stop: async () => {
      resync.cancel();
      pods?.cancel();
      await Promise.all(Object.values(queues).map((it) => it.close()));
      opened?.close();
      await election.close();
      await world.close();
      await health.close();
      dns.close();
      kube.close();
    },
  };
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
