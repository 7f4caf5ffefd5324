/**
 * Which resources of a Kubernetes cluster are a given `MTACluster`'s, and so part of its world. Pure.
 *
 * In a folder everything fits together or nothing is taken; here resources come and go in any order and belong to many
 * people. So each is judged by itself: what is not valid, or not granted, or waits for another to come, is left out and
 * harms no neighbour. A resource that was valid and is so no more stays as it was. Grants over namespaces are not judged here:
 * the operator judged them and wrote the answer to the status, which tenants cannot write.
 */
import type { KubeObject } from '#lib/kube/kube.ts';
import type { AnyResource } from '../kinds.ts';
import type { IPPool } from '../kinds/ip-pool.ts';
import type { GrantedRef } from '../parts.ts';
import { keyOf } from '../resource.ts';
import { domainVerdict, isTrue, poolVerdict, statusOf } from './verdict.ts';

/** A resource as it is used, and the object it was read from. */
export interface Judged {
  readonly object: KubeObject;
  readonly resource: AnyResource;
}

/** `namespace/name` of the `MTACluster` whose world it is. */
export type ClusterKey = string;

/** The oldest first; undefined while the cluster itself is not there. */
export function admitted(all: readonly Judged[], cluster: ClusterKey): readonly Judged[] | undefined {
  const inOrder = all.toSorted(byAge);
  const own = inOrder.filter((it) => it.resource.kind === 'MTACluster' && keyOf(it.resource.metadata) === cluster);
  if (own.length === 0) return undefined;
  const pools = inOrder.filter((it) => it.resource.kind === 'IPPool' && isOfCluster(it, cluster));
  const poolKeys = new Set(pools.map(({ resource }) => keyOf(resource.metadata)));
  const claimed = new Set<string>();
  const rest = inOrder.filter((it) => isOfWorld(it, cluster, poolKeys) && isFirstClaim(it, claimed));
  return [...own, ...pools, ...rest];
}

function isOfWorld(judged: Judged, cluster: ClusterKey, pools: ReadonlySet<string>): boolean {
  const { resource } = judged;
  switch (resource.kind) {
    case 'MTACluster':
    case 'IPPool':
      return false;
    case 'SendingDomain':
      return isGrantedPool(judged, resource.spec.poolRef, pools);
    case 'DestinationPolicy':
      // What shapes everybody's mail counts beside the cluster only.
      return keyOf({ namespace: resource.metadata.namespace, name: resource.spec.clusterRef.name }) === cluster;
    case 'SendingCredential':
    case 'EventSink':
      return isOfCluster(judged, cluster);
    default:
      return resource satisfies never;
  }
}

function isOfCluster({ object, resource }: Judged, cluster: ClusterKey): boolean {
  const { clusterRef } = resource.spec as IPPool['spec'];
  const named = keyOf(targetOf(resource, clusterRef));
  return named === cluster && (isHome(resource, clusterRef) || isTrue(object, 'Accepted'));
}

function isGrantedPool({ object, resource }: Judged, ref: GrantedRef, pools: ReadonlySet<string>): boolean {
  const pool = keyOf(targetOf(resource, ref));
  if (!pools.has(pool)) return false;
  const granted = statusOf(object)['pool'] as { namespace?: unknown; name?: unknown } | undefined;
  return isHome(resource, ref) || pool === `${String(granted?.namespace)}/${String(granted?.name)}`;
}

const targetOf = ({ metadata }: AnyResource, ref: GrantedRef): { namespace: string; name: string } => ({
  namespace: ref.namespace ?? metadata.namespace,
  name: ref.name,
});

/** What lies in a namespace is its own: no grant is needed. */
const isHome = ({ metadata }: AnyResource, ref: GrantedRef): boolean =>
  ref.namespace === undefined || ref.namespace === metadata.namespace;

/** Of several resources of a namespace that declare one domain the oldest holds. */
function isFirstClaim({ resource }: Judged, claimed: Set<string>): boolean {
  if (resource.kind !== 'SendingDomain') return true;
  const claim = `${resource.metadata.namespace} ${resource.spec.domain}`;
  const isFirst = !claimed.has(claim);
  claimed.add(claim);
  return isFirst;
}

/**
 * How a domain stands is the operator's to say, and so is that DNS need not prove it: until it has said so, DNS must. How the
 * addresses of a pool are is too.
 */
export function asGranted(object: KubeObject, resource: AnyResource): AnyResource {
  if (resource.kind === 'IPPool') return { ...resource, verdict: poolVerdict(object) };
  if (resource.kind !== 'SendingDomain') return resource;
  const verdict = domainVerdict(object);
  const isExcused = resource.spec.verification === 'Skip' && verdict.standing === 'verified';
  const verification = isExcused ? 'Skip' : 'Required';
  return { ...resource, spec: { ...resource.spec, verification }, verdict };
}

function byAge({ resource: a }: Judged, { resource: b }: Judged): number {
  const [older, younger] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (older !== younger) return older < younger ? -1 : 1;
  return keyOf(a.metadata) < keyOf(b.metadata) ? -1 : 1;
}
