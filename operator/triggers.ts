/**
 * What a change of an object may be about: which resources are to be looked at. Pure, but for reading what is there.
 */
import { typeOfKind } from '#crds/definition.ts';
import type { Kind } from '#crds/kinds.ts';
import { kubeKey, type KubeObject, type KubeType } from '#lib/kube/kube.ts';
import type { KubeChange } from '#lib/kube/reflector.ts';
import type { ControllerName } from '#lib/metric/operating.ts';
import type { Instant } from '#lib/run/clock.ts';
import { clusterKey } from './cluster/relays.ts';
import { conditionsOf } from './controller/status.ts';
import { usedAnew } from './credential/used.ts';
import { keptKeyIn } from './domain/keys.ts';
import { claimIn, domainKeyOf, namingOf, SECRETS } from './types.ts';
import { readsFor } from './workload/readers.ts';
import { ownerKey, type World } from './world.ts';

/** Keys of resources by who looks at them; `keyring`: clusters whose keyring may be another. */
export type Due = Readonly<Partial<Record<ControllerName, readonly string[]>>>;

/** `egressNamespace`: where the egress proxies of nodes are. */
export function dueBy({ kind }: KubeType, change: KubeChange, world: World, egressNamespace?: string): Due {
  const { object, key } = change;
  const objects = change.kind === 'changed' ? [change.before, object] : [object];
  const all = (of: Kind): string[] => world.objects(typeOfKind(of)).map(({ metadata }) => kubeKey(metadata));
  const keyring = (): Due => ({ keyring: all('MTACluster') });
  switch (kind) {
    case 'MTACluster':
      return { mtacluster: [key], ...(!isAsDeclared(change) && { ...everyone(all), keyring: [key] }) };
    case 'Namespace':
      return hasSameLabels(change) ? {} : { ...everyone(all), ...keyring() };
    case 'IPPool':
      return {
        ippool: [key],
        ...(!isAsDeclared(change) && {
          mtacluster: objects.map(clusterKey),
          sendingdomain: all('SendingDomain'),
          ...keyring(),
        }),
      };
    case 'DestinationPolicy':
      return isAsDeclared(change)
        ? { destinationpolicy: [key] }
        : { mtacluster: objects.map(clusterKey), destinationpolicy: all('DestinationPolicy') };
    case 'SendingDomain':
      return {
        sendingdomain: isAsDeclared(change) ? [key] : [key, ...claimants(object, world)],
        ...(!isAsDeclared(change) && keyring()),
        ...(change.kind !== 'changed' && { sendingcredential: all('SendingCredential') }),
      };
    case 'SendingCredential':
      return { sendingcredential: [key], ...(!isAsDeclared(change) && keyring()) };
    case 'EventSink':
      return { eventsink: [key], ...(!isAsDeclared(change) && keyring()) };
    case 'Secret':
      return ofSecret(object, world);
    case 'DNSEndpoint':
      return { sendingdomain: objects.flatMap((it) => ownerKey(it, 'SendingDomain') ?? []) };
    case 'PartialObjectMetadata':
      return naming(key, world);
    case 'Pod':
    case 'Lease':
      if (object.metadata.namespace === egressNamespace) return { ippool: all('IPPool') };
      return { mtacluster: all('MTACluster').filter((it) => it.startsWith(`${object.metadata.namespace}/`)) };
    default:
      return { mtacluster: objects.flatMap((it) => ownerKey(it, 'MTACluster') ?? readsFor(it) ?? []) };
  }
}

/** Whether a change may be what somebody waits for who waits for pods (`waitingForPods`): pods, their reports, the keyring. */
export const tellsOfPods = ({ kind }: KubeType, { object }: KubeChange): boolean =>
  kind === 'Pod' || kind === 'Lease' || (kind === 'Secret' && ownerKey(object, 'MTACluster') !== undefined);

/** Whoever waits until all pods have something, or of whom pods tell news. Looks at everything: not to be asked for each change. */
export const waitingForPods = (world: World, now: Instant): Due => ({
  sendingdomain: inTransit(world),
  sendingcredential: [...new Set([...notLoaded(world), ...usedAnew(world, now)])],
});

/** Only its status, or what others keep with it, has changed. */
const isAsDeclared = (change: KubeChange): boolean =>
  change.kind === 'changed' && change.before.metadata.generation === change.object.metadata.generation;

const hasSameLabels = (change: KubeChange): boolean =>
  change.kind === 'changed' &&
  JSON.stringify(change.before.metadata.labels) === JSON.stringify(change.object.metadata.labels);

/** Whoever may use what belongs to somebody else. */
const everyone = (all: (of: Kind) => string[]): Due => ({
  ippool: all('IPPool'),
  sendingdomain: all('SendingDomain'),
  destinationpolicy: all('DestinationPolicy'),
  sendingcredential: all('SendingCredential'),
  eventsink: all('EventSink'),
});

/** Those of its namespace that declare the same domain. */
const claimants = (object: KubeObject, world: World): string[] =>
  world.indexed(typeOfKind('SendingDomain'), claimIn(object)).map(({ metadata }) => kubeKey(metadata));

/** Those that name a Secret of somebody's. */
function naming(secret: string, world: World): Due {
  const all = (of: Kind): string[] =>
    world.indexed(typeOfKind(of), namingOf(secret)).map(({ metadata }) => kubeKey(metadata));
  const behind = world.indexed(typeOfKind('IPPool'), namingOf(secret)).map(clusterKey);
  return {
    mtacluster: [...all('MTACluster'), ...behind],
    sendingdomain: all('SendingDomain'),
    sendingcredential: all('SendingCredential'),
    eventsink: all('EventSink'),
  };
}

function ofSecret(object: KubeObject, world: World): Due {
  const domain = domainKeyOf(object);
  if (domain !== undefined) return { sendingdomain: [domain] };
  const credential = ownerKey(object, 'SendingCredential');
  const clusters = world.objects(typeOfKind('MTACluster')).map(({ metadata }) => kubeKey(metadata));
  if (credential !== undefined) return { sendingcredential: [credential], keyring: clusters };
  const sink = ownerKey(object, 'EventSink');
  if (sink !== undefined) return { eventsink: [sink], keyring: clusters };
  const keyring = ownerKey(object, 'MTACluster');
  if (keyring === undefined) return {};
  return { mtacluster: [keyring], keyring: [keyring] };
}

/** Domains that wait for workers: a key of theirs is to sign, or to sign no more. */
function inTransit(world: World): string[] {
  const keys = world.objects(SECRETS).flatMap((secret) => {
    const owner = domainKeyOf(secret);
    const key = owner === undefined ? undefined : keptKeyIn(secret);
    return owner !== undefined && key ? [{ owner, phase: key.phase }] : [];
  });
  const active = Map.groupBy(
    keys.filter(({ phase }) => phase === 'Active'),
    ({ owner }) => owner,
  );
  const waiting = keys.filter(({ phase, owner }) => phase === 'Verified' || (active.get(owner)?.length ?? 0) > 2);
  return [...new Set(waiting.map(({ owner }) => owner))];
}

/** Credentials that wait for ingress. */
const notLoaded = (world: World): string[] =>
  world
    .objects(typeOfKind('SendingCredential'))
    .filter((it) => !conditionsOf(it).some(({ type, status }) => type === 'Loaded' && status === 'True'))
    .map(({ metadata }) => kubeKey(metadata));
