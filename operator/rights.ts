/**
 * What the operator may do, and no more: the rules of its role. Pure.
 *
 * It gives its pods' accounts rights, and may give none that it does not have itself: so it has those too.
 */
import { NAMINGS } from '#crds/definition.ts';
import { READS, REPORTS } from './workload/account.ts';

interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const OURS = 'postfleet.io';
const KEEPS = ['get', 'list', 'watch', 'create', 'patch', 'delete'];

/**
 * Where all namespaces are watched: their labels say whom a grant covers, and pods read what is declared in all of them, by a role
 * (`--pods-role`) that what binds it belongs to.
 */
export const operatorRules = (podsRole: string): PolicyRule[] => [
  ...namespaceRules(),
  { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterrolebindings'], verbs: KEEPS },
  { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], resourceNames: [podsRole], verbs: ['get'] },
];

/** In every namespace that is watched. */
export const namespaceRules = (): PolicyRule[] => {
  const plurals = Object.values(NAMINGS).map(({ plural }) => plural);
  return [
    { apiGroups: [OURS], resources: plurals, verbs: ['get', 'list', 'watch'] },
    { apiGroups: [OURS], resources: plurals.map((it) => `${it}/status`), verbs: ['patch'] },
    // Where owners may be named only by who could block their end.
    { apiGroups: [OURS], resources: plurals.map((it) => `${it}/finalizers`), verbs: ['update'] },
    { apiGroups: [''], resources: ['serviceaccounts', 'services'], verbs: KEEPS },
    { apiGroups: ['apps'], resources: ['deployments'], verbs: KEEPS },
    { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: KEEPS },
    { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: KEEPS },
    { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: KEEPS },
    // Keys, and the keyring: made, moved on, removed.
    { apiGroups: [''], resources: ['secrets'], verbs: [...KEEPS, 'update'] },
    { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
    { apiGroups: ['externaldns.k8s.io'], resources: ['dnsendpoints'], verbs: KEEPS },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['list', 'watch'] },
    { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create'] },
    READS,
    REPORTS,
  ];
};

/** Of the role of all namespaces that it binds its pods' accounts to: what is declared, and nothing else. */
export const podRules = (): PolicyRule[] => [READS];

/** In its own namespace: the lease by which one of several leads. */
export const leaderRules = (): PolicyRule[] => [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
];

/** Of the egress proxies of nodes: which addresses may be used, in every namespace that is watched. */
export const egressReads = (): PolicyRule[] => [
  { apiGroups: [OURS], resources: ['ippools'], verbs: ['get', 'list', 'watch'] },
];

/** In their own namespace: what they tell; and what an operator hears there that is let into named namespaces only. */
export const egressTells = (): PolicyRule[] => [REPORTS];
export const egressHears = (): PolicyRule[] => [
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['list', 'watch'] },
];
