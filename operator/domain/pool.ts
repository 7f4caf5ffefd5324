/**
 * Which pool and which cluster a domain sends by, if their owners let it. Pure.
 */
import type { Grant } from '#crds/parts.ts';
import type { IPPool } from '#crds/kinds/ip-pool.ts';
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import { isGranted } from '#crds/source/references.ts';
import { keyOf } from '#crds/resource.ts';

export type Route =
  | { readonly kind: 'granted'; readonly pool: IPPool; readonly cluster: MTACluster }
  | {
      readonly kind: 'refused';
      readonly reason: 'PoolMissing' | 'PoolRefused' | 'ClusterMissing' | 'ClusterRefused';
      readonly message: string;
    };

export interface Targets {
  /** By `namespace/name`; undefined when there is none, or it is not valid. */
  pool(key: string): IPPool | undefined;
  cluster(key: string): MTACluster | undefined;
}

export function routeOf({ metadata, spec }: SendingDomain, targets: Targets): Route {
  const poolKey = keyOf({ namespace: spec.poolRef.namespace ?? metadata.namespace, name: spec.poolRef.name });
  const pool = targets.pool(poolKey);
  if (!pool) return refused('PoolMissing', `there is no IPPool ${poolKey}: make it, or name another in spec.poolRef`);
  if (!mayUse(pool, metadata.namespace))
    return refused(
      'PoolRefused',
      `IPPool ${poolKey} does not grant namespace ${metadata.namespace} in its spec.namespaces`,
    );
  const { clusterRef } = pool.spec;
  const clusterKey = keyOf({ namespace: clusterRef.namespace ?? pool.metadata.namespace, name: clusterRef.name });
  const cluster = targets.cluster(clusterKey);
  if (!cluster) return refused('ClusterMissing', `there is no MTACluster ${clusterKey}, which IPPool ${poolKey} names`);
  if (!mayUse(cluster, pool.metadata.namespace))
    return refused('ClusterRefused', `MTACluster ${clusterKey} does not grant namespace ${pool.metadata.namespace}`);
  return { kind: 'granted', pool, cluster };
}

const refused = (reason: Extract<Route, { kind: 'refused' }>['reason'], message: string): Route => ({
  kind: 'refused',
  reason,
  message,
});

interface Granting {
  readonly metadata: { readonly namespace: string };
  readonly spec: { readonly namespaces: Grant };
}

const mayUse = ({ metadata, spec }: Granting, namespace: string): boolean =>
  metadata.namespace === namespace || isGranted(spec.namespaces, namespace);

/** Whether a domain need not prove itself: it says so, and the cluster's owner lets its namespace. */
export function isExcused({ metadata, spec }: SendingDomain, { spec: { tenants } }: MTACluster): boolean {
  const { from, selector } = tenants.skipVerification;
  return (
    spec.verification === 'Skip' &&
    from === 'Selector' &&
    isGranted({ from, ...(selector && { selector }) }, metadata.namespace)
  );
}
