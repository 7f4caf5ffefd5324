/**
 * The types of objects that the operator reads and writes. Pure.
 */
import { typeOfKind } from '#crds/definition.ts';
import { LEASES, REPORTS_KEYRING } from '#lib/keyring/report.ts';
import type { KubeType } from '#lib/kube/kube.ts';
import { MANAGED_BY } from './workload/child.ts';

const core = (plural: string, kind: string): KubeType => ({ group: '', version: 'v1', plural, kind });

export const DEPLOYMENTS: KubeType = { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment' };
export const SERVICES = core('services', 'Service');
export const SECRETS = core('secrets', 'Secret');
export const PODS = core('pods', 'Pod');
const ACCOUNTS = core('serviceaccounts', 'ServiceAccount');
const BUDGETS: KubeType = {
  group: 'policy',
  version: 'v1',
  plural: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
};
const NETWORK: KubeType = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'networkpolicies',
  kind: 'NetworkPolicy',
};
const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1' };
const ROLES: KubeType = { ...RBAC, plural: 'roles', kind: 'Role' };
const BINDINGS: KubeType = { ...RBAC, plural: 'rolebindings', kind: 'RoleBinding' };

/** What an `MTACluster` becomes. */
export const CHILDREN: readonly KubeType[] = [ACCOUNTS, ROLES, BINDINGS, NETWORK, BUDGETS, SERVICES, DEPLOYMENTS];

const selectorOf = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
const MANAGED = selectorOf(MANAGED_BY);

/** What is read: our kinds, what the operator has made, and what its pods say. */
export const WATCHED: readonly { readonly type: KubeType; readonly labelSelector?: string }[] = [
  ...(['MTACluster', 'IPPool', 'DestinationPolicy', 'SendingDomain'] as const).map((kind) => ({
    type: typeOfKind(kind),
  })),
  ...[...CHILDREN, SECRETS].map((type) => ({ type, labelSelector: MANAGED })),
  { type: PODS, labelSelector: 'app.kubernetes.io/name=postfleet' },
  { type: LEASES, labelSelector: selectorOf(REPORTS_KEYRING) },
];
