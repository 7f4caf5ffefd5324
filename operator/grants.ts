/**
 * Which cluster a resource is of, and whether the owner of that lets it. Pure.
 */
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { IPPool } from '#crds/kinds/ip-pool.ts';
import type { Grant, GrantedRef } from '#crds/parts.ts';
import { keyOf } from '#crds/resource.ts';
import { isGranted } from '#crds/source/references.ts';

export interface Targets {
  /** By `namespace/name`; undefined when there is none, or it is not valid. */
  pool(key: string): IPPool | undefined;
  cluster(key: string): MTACluster | undefined;
  /** `namespace/name` of the oldest `SendingDomain` of a namespace that declares a domain. */
  claim(namespace: string, domain: string): string | undefined;
  /** Of a namespace; none where only names of namespaces are known. */
  labels(namespace: string): Readonly<Record<string, string>>;
}

export type ClusterRoute =
  | { readonly kind: 'granted'; readonly cluster: MTACluster }
  | {
      readonly kind: 'refused';
      readonly reason: 'ClusterMissing' | 'ClusterRefused';
      /** What to do. */
      readonly message: string;
    };

interface Naming {
  readonly metadata: { readonly namespace: string };
  readonly spec: { readonly clusterRef: GrantedRef };
}

export function clusterRouteOf(
  { metadata: { namespace }, spec: { clusterRef } }: Naming,
  targets: Targets,
): ClusterRoute {
  const key = keyOf({ namespace: clusterRef.namespace ?? namespace, name: clusterRef.name });
  const cluster = targets.cluster(key);
  if (!cluster)
    return { kind: 'refused', reason: 'ClusterMissing', message: `there is no valid MTACluster ${key}: make it` };
  if (mayUse(cluster, namespace, targets)) return { kind: 'granted', cluster };
  const message = `MTACluster ${key} does not grant namespace ${namespace}: its owner may, in its spec.namespaces`;
  return { kind: 'refused', reason: 'ClusterRefused', message };
}

interface Granting {
  readonly metadata: { readonly namespace: string };
  readonly spec: { readonly namespaces: Grant };
}

/** What lies in a namespace is its own: no grant is needed. */
export const mayUse = ({ metadata, spec }: Granting, namespace: string, targets: Pick<Targets, 'labels'>): boolean =>
  metadata.namespace === namespace || isGranted(spec.namespaces, namespace, targets.labels(namespace));
