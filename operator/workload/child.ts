/**
 * What all children of an `MTACluster` share: names, labels, and whose they are. Pure.
 */
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { SecretRef } from '#crds/parts.ts';
import type { KubeMetadata, KubeObject, KubeType } from '#lib/kube/kube.ts';

/** The parts of a cluster that run as pods. */
export type Component = 'ingress' | 'worker';

/** A cluster as it is built from: what is declared, its identity in the API, and the operator's own settings. */
export interface Blueprint {
  readonly cluster: MTACluster;
  readonly uid: string;
  /** The image of every pod; nothing that is declared can name another. */
  readonly image: string;
  /** Ports that workers connect to beside 25: of routes and of egress proxies. */
  readonly relayPorts: readonly number[];
  /** Where what workers tell to egress proxies of members is. */
  readonly proxyLogins: readonly SecretRef[];
  /** The role of the whole cluster by which pods read what is declared. */
  readonly podsRole: string;
  /** Absent: nobody is told of it. */
  readonly podsRoleUid?: string | undefined;
  /** Namespaces whose resources are carried out; absent: all. */
  readonly watchNamespaces?: readonly string[];
}

/** An object and its type. */
export interface Child {
  readonly type: KubeType;
  readonly object: KubeObject;
}

/** On everything that the operator has made. */
export const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'postfleet-operator' } as const;

const NAME = 'app.kubernetes.io/name';
const INSTANCE = 'app.kubernetes.io/instance';
const COMPONENT = 'app.kubernetes.io/component';

/** Labels that choose the pods of a component, or of all of them. They never change: a Deployment's selector cannot. */
export const selectorOf = ({ cluster }: Blueprint, component?: Component): Record<string, string> => ({
  [NAME]: 'postfleet',
  [INSTANCE]: cluster.metadata.name,
  ...(component && { [COMPONENT]: component }),
});

export const labelsOf = (blueprint: Blueprint, component?: Component): Record<string, string> => ({
  ...selectorOf(blueprint, component),
  'app.kubernetes.io/part-of': 'postfleet',
  ...MANAGED_BY,
});

/** At most 40 characters and a word: a name of everything that is made. */
export const childName = ({ cluster }: Pick<Blueprint, 'cluster'>, ...words: readonly string[]): string =>
  [cluster.metadata.name, ...words].join('-');

export function childMetadata(blueprint: Blueprint, name: string, component?: Component): KubeMetadata {
  const { cluster, uid } = blueprint;
  const { apiVersion, kind, metadata } = cluster;
  const owner = { apiVersion, kind, name: metadata.name, uid, controller: true, blockOwnerDeletion: true };
  const labels = labelsOf(blueprint, component);
  return { name, namespace: metadata.namespace, labels, ownerReferences: [owner] };
}
