/**
 * Which pool and which cluster a domain sends by, if their owners let it. Pure.
 */
import type { IPPool } from '#crds/kinds/ip-pool.ts';
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import { isGranted } from '#crds/source/references.ts';
import { keyOf } from '#crds/resource.ts';
import { clusterRouteOf, mayUse, type Targets } from '../grants.ts';

export type Route =
  | { readonly kind: 'granted'; readonly pool: IPPool; readonly cluster: MTACluster }
  | {
      readonly kind: 'refused';
      readonly reason: 'DomainTaken' | 'PoolMissing' | 'PoolRefused' | 'ClusterMissing' | 'ClusterRefused';
      readonly message: string;
    };

export function routeOf({ metadata, spec }: SendingDomain, targets: Targets): Route {
  const holder = targets.claim(metadata.namespace, spec.domain);
  // Two of a namespace would have keys under the same names.
  if (holder !== undefined && holder !== keyOf(metadata))
    return refused('DomainTaken', `SendingDomain ${holder} declares ${spec.domain} already: delete one of them`);
  const poolKey = keyOf({ namespace: spec.poolRef.namespace ?? metadata.namespace, name: spec.poolRef.name });
  const pool = targets.pool(poolKey);
  if (!pool) return refused('PoolMissing', `there is no IPPool ${poolKey}: make it, or name another in spec.poolRef`);
  if (!mayUse(pool, metadata.namespace, targets))
    return refused(
      'PoolRefused',
      `IPPool ${poolKey} does not grant namespace ${metadata.namespace} in its spec.namespaces`,
    );
  const route = clusterRouteOf(pool, targets);
  if (route.kind === 'granted') return { kind: 'granted', pool, cluster: route.cluster };
  return refused(route.reason, `IPPool ${poolKey} cannot be used: ${route.message}`);
}

const refused = (reason: Extract<Route, { kind: 'refused' }>['reason'], message: string): Route => ({
  kind: 'refused',
  reason,
  message,
});

/** Whether a domain need not prove itself: it says so, and the cluster's owner lets its namespace. */
export const isExcused = (
  { metadata, spec }: SendingDomain,
  cluster: MTACluster,
  targets: Pick<Targets, 'labels'>,
): boolean => spec.verification === 'Skip' && isTrusted(metadata.namespace, cluster, targets);

/** Whether the cluster's owner takes a namespace's word for its domains. */
export function isTrusted(
  namespace: string,
  { spec: { tenants } }: MTACluster,
  targets: Pick<Targets, 'labels'>,
): boolean {
  const { from, selector } = tenants.skipVerification;
  return (
    from === 'Selector' && isGranted({ from, ...(selector && { selector }) }, namespace, targets.labels(namespace))
  );
}
