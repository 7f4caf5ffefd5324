/**
 * The types of objects that the operator reads and writes. Pure.
 */
import { typeOfKind } from '#crds/definition.ts';
import { REPORTS_EGRESS } from '#lib/egress/report.ts';
import { REPORTS_KEYRING } from '#lib/keyring/report.ts';
import { kubeKey, type KubeObject, type KubeType } from '#lib/kube/kube.ts';
import { LEASES } from '#lib/kube/pod-report.ts';
import { domainOf } from './domain/key-secret.ts';
import { MANAGED_BY } from './workload/child.ts';
import { WIDE_BINDINGS } from './workload/readers.ts';
import type { Watched } from './world.ts';

const core = (plural: string, kind: string): KubeType => ({ group: '', version: 'v1', plural, kind });

export const DEPLOYMENTS: KubeType = { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment' };
export const SERVICES = core('services', 'Service');
export const SECRETS = core('secrets', 'Secret');
export const PODS = core('pods', 'Pod');
/** Read where all of them are watched: their labels say whom a grant covers. */
export const NAMESPACES = core('namespaces', 'Namespace');
/** Secrets that are not ours, by their outlines: what a secretRef may name. Read one by one when one is named. */
const NAMED_SECRETS = core('secrets', 'PartialObjectMetadata');
/** Of external-dns, where that is. */
export const ENDPOINTS: KubeType = {
  group: 'externaldns.k8s.io',
  version: 'v1alpha1',
  plural: 'dnsendpoints',
  kind: 'DNSEndpoint',
};
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
export const ROLES: KubeType = { ...RBAC, plural: 'roles', kind: 'Role' };
export const BINDINGS: KubeType = { ...RBAC, plural: 'rolebindings', kind: 'RoleBinding' };

/** What an `MTACluster` becomes, in its namespace. */
export const CHILDREN: readonly KubeType[] = [ACCOUNTS, ROLES, BINDINGS, NETWORK, BUDGETS, SERVICES, DEPLOYMENTS];

/** `namespace domain`, as a `SendingDomain` declares it. */
export function claimIn({ metadata, spec }: KubeObject): string {
  const { domain } = (spec ?? {}) as { readonly domain?: string };
  return `${metadata.namespace} ${domain}`;
}

/** Whoever names a Secret is found by this. No namespace has a capital. */
export const namingOf = (secret: string): string => `Secret ${secret}`;

/** Secrets that are named anywhere in a resource's spec, each in its own namespace. */
function secretsNamedIn({ metadata: { namespace = '' }, spec }: KubeObject): string[] {
  const { secretRef, dkim, webhook, ingress, queue, limits, egress, members } = (spec ?? {}) as Naming;
  const refs = [
    secretRef,
    ...(ingress?.listeners ?? []).flatMap(({ tls }) => tls?.certificateRefs ?? []),
    queue?.nats?.credentialsRef,
    queue?.nats?.caRef,
    limits?.redis?.passwordRef,
    limits?.redis?.caRef,
    egress?.tlsCARef,
    egress?.authRef,
    ...(members ?? []).map(({ proxy }) => proxy?.authRef),
    webhook?.signingRef,
    webhook?.headersRef,
    ...(dkim?.existingKeys ?? []).map((it) => it.secretRef),
  ];
  return [...new Set(refs.flatMap((it) => it?.name ?? []))].map((name) => namingOf(kubeKey({ namespace, name })));
}

interface Ref {
  readonly name?: string;
}

/** As far as any kind has them. */
interface Naming {
  readonly secretRef?: Ref;
  readonly ingress?: {
    readonly listeners?: readonly { readonly tls?: { readonly certificateRefs?: readonly Ref[] } }[];
  };
  readonly queue?: { readonly nats?: { readonly credentialsRef?: Ref; readonly caRef?: Ref } };
  readonly limits?: { readonly redis?: { readonly passwordRef?: Ref; readonly caRef?: Ref } };
  readonly egress?: { readonly tlsCARef?: Ref; readonly authRef?: Ref };
  readonly members?: readonly { readonly proxy?: { readonly authRef?: Ref } }[];
  readonly dkim?: { readonly existingKeys?: readonly { readonly secretRef?: Ref }[] };
  readonly webhook?: { readonly signingRef?: Ref; readonly headersRef?: Ref };
}

/** `namespace/name` of the `SendingDomain` that a Secret holds a key for. */
export function domainKeyOf(secret: KubeObject): string | undefined {
  const name = domainOf(secret);
  const { namespace = '' } = secret.metadata;
  return name === undefined ? undefined : kubeKey({ namespace, name });
}

const selectorOf = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
/** Leases by which pods tell something. */
const reportsOf = (...all: readonly Readonly<Record<string, string>>[]): string =>
  `postfleet.io/reports in (${all.map((it) => it['postfleet.io/reports']).join(',')})`;
const MANAGED = selectorOf(MANAGED_BY);
const OTHERS = MANAGED.replace('=', '!=');

/** What is read: our kinds, what the operator has made, and what its pods say. */
export const WATCHED: readonly Watched[] = [
  { type: typeOfKind('MTACluster'), index: secretsNamedIn },
  { type: typeOfKind('IPPool'), index: secretsNamedIn },
  { type: typeOfKind('DestinationPolicy') },
  { type: typeOfKind('SendingDomain'), index: (it) => [claimIn(it), ...secretsNamedIn(it)] },
  { type: typeOfKind('SendingCredential'), index: secretsNamedIn },
  { type: typeOfKind('EventSink'), index: secretsNamedIn },
  ...CHILDREN.map((type) => ({ type, labelSelector: MANAGED })),
  { type: SECRETS, labelSelector: MANAGED, index: (it) => [domainKeyOf(it) ?? []].flat() },
  { type: NAMED_SECRETS, labelSelector: OTHERS, isOutline: true },
  { type: ENDPOINTS, labelSelector: MANAGED, isOptional: true },
  { type: PODS, labelSelector: 'app.kubernetes.io/name=postfleet', isOfNodes: true },
  { type: LEASES, labelSelector: reportsOf(REPORTS_KEYRING, REPORTS_EGRESS), isOfNodes: true },
];

/** What is read beside it where all namespaces are watched. */
export const WATCHED_WIDE: readonly Watched[] = [{ type: NAMESPACES }, { type: WIDE_BINDINGS, labelSelector: MANAGED }];
