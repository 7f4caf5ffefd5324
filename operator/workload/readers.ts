/**
 * What pods may read beyond their own namespace: the resources of every namespace that is watched. Pure.
 *
 * Where all are watched it is a binding of a role that whoever installed the operator has made (`--pods-role`): the operator makes no
 * role of the whole cluster. The binding belongs to that role: an operator that is let into named namespaces from now on cannot remove it.
 * What lies elsewhere cannot belong to the `MTACluster` it is for, so that it does not go with it by itself: it bears its name, and the
 * operator removes it.
 */
import type { KubeMetadata, KubeObject, KubeType } from '#lib/kube/kube.ts';
import { READS } from './account.ts';
import { type Blueprint, type Child, childName, type Component, labelsOf } from './child.ts';

const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1' } as const;
const ROLE = { ...RBAC, plural: 'roles', kind: 'Role' } as const;
const BINDING = { ...RBAC, plural: 'rolebindings', kind: 'RoleBinding' } as const;
/** Of all namespaces. */
export const WIDE_BINDINGS: KubeType = { ...RBAC, plural: 'clusterrolebindings', kind: 'ClusterRoleBinding' };
export const WIDE_ROLES: KubeType = { ...RBAC, plural: 'clusterroles', kind: 'ClusterRole' };

const VERSION = `${RBAC.group}/${RBAC.version}`;
const CLUSTER_NAMESPACE = 'postfleet.io/cluster-namespace';
const INSTANCE = 'app.kubernetes.io/instance';

/** A binding for all namespaces, or a role and a binding in each of those that are watched beside its own. */
export function readers(blueprint: Blueprint): Child[] {
  const { watchNamespaces, cluster, podsRole, podsRoleUid } = blueprint;
  if (!watchNamespaces) {
    const role = { kind: 'ClusterRole', name: podsRole };
    const owner = { apiVersion: VERSION, ...role, uid: podsRoleUid };
    const metadata = { ...metadataOf(blueprint), ...(podsRoleUid !== undefined && { ownerReferences: [owner] }) };
    return [{ type: WIDE_BINDINGS, object: binding(blueprint, 'ClusterRoleBinding', role, metadata) }];
  }
  return watchNamespaces
    .filter((it) => it !== cluster.metadata.namespace)
    .flatMap((namespace) => readersIn({ ...metadataOf(blueprint), namespace }, blueprint));
}

function readersIn(metadata: KubeMetadata, blueprint: Blueprint): Child[] {
  const role = { kind: 'Role', name: metadata.name };
  return [
    { type: ROLE, object: { apiVersion: VERSION, kind: 'Role', metadata, rules: [READS] } },
    { type: BINDING, object: binding(blueprint, 'RoleBinding', role, metadata) },
  ];
}

/** `namespace/name` of the cluster whose pods something elsewhere is for. */
export function readsFor({ metadata: { labels = {} } }: KubeObject): string | undefined {
  const { [CLUSTER_NAMESPACE]: namespace, [INSTANCE]: name } = labels;
  return namespace === undefined || name === undefined ? undefined : `${namespace}/${name}`;
}

function metadataOf(blueprint: Blueprint): KubeMetadata {
  const { name, namespace } = blueprint.cluster.metadata;
  return {
    name: `postfleet:${namespace}:${name}`,
    labels: { ...labelsOf(blueprint), [CLUSTER_NAMESPACE]: namespace },
  };
}

function binding(
  blueprint: Blueprint,
  kind: string,
  role: { readonly kind: string; readonly name: string },
  metadata: KubeMetadata,
): KubeObject {
  const { namespace } = blueprint.cluster.metadata;
  const account = (component: Component): object => ({
    kind: 'ServiceAccount',
    name: childName(blueprint, component),
    namespace,
  });
  return {
    apiVersion: VERSION,
    kind,
    metadata,
    roleRef: { apiGroup: RBAC.group, ...role },
    subjects: [account('ingress'), account('worker')],
  };
}
