/**
 * Accounts of the pods, and what they may do: read what is declared, and report. Nothing on Secrets. Pure.
 *
 * A report is a Lease of the pod's own, by its name: which keyring it has loaded.
 */
import { type Blueprint, type Child, childMetadata, childName, type Component } from './child.ts';

const ACCOUNT = { group: '', version: 'v1', plural: 'serviceaccounts', kind: 'ServiceAccount' } as const;
const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1' } as const;
const ROLE = { ...RBAC, plural: 'roles', kind: 'Role' } as const;
const BINDING = { ...RBAC, plural: 'rolebindings', kind: 'RoleBinding' } as const;

/** What the data plane reads of each namespace that sends; of others than its own: `readers.ts`. */
export const READS = {
  apiGroups: ['postfleet.io'],
  resources: ['destinationpolicies', 'eventsinks', 'ippools', 'mtaclusters', 'sendingcredentials', 'sendingdomains'],
  verbs: ['get', 'list', 'watch'],
};

export const REPORTS = {
  apiGroups: ['coordination.k8s.io'],
  resources: ['leases'],
  verbs: ['create', 'get', 'update', 'patch'],
};

export const accounts = (blueprint: Blueprint): Child[] =>
  (['ingress', 'worker'] as const).flatMap((component) => account(blueprint, component));

function account(blueprint: Blueprint, component: Component): Child[] {
  const name = childName(blueprint, component);
  const metadata = childMetadata(blueprint, name, component);
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const subjects = [{ kind: 'ServiceAccount', name, namespace: blueprint.cluster.metadata.namespace }];
  const roleRef = { apiGroup: RBAC.group, kind: 'Role', name };
  return [
    { type: ACCOUNT, object: { apiVersion: 'v1', kind: 'ServiceAccount', metadata } },
    { type: ROLE, object: { apiVersion, kind: 'Role', metadata, rules: [READS, REPORTS] } },
    { type: BINDING, object: { apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects } },
  ];
}
