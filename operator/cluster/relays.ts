/**
 * What a cluster's workers need to get mail out beside port 25: ports of routes that policies name, ports of egress proxies, and
 * where what these want to be told is. Pure.
 */
import type { SecretRef } from '#crds/parts.ts';
import type { KubeObject } from '#lib/kube/kube.ts';

/** Where the egress proxies of nodes listen. */
const NODE_PROXY = 1080;

interface Declared {
  readonly metadata: { readonly namespace?: string };
  readonly spec?: {
    readonly clusterRef?: { readonly name?: string; readonly namespace?: string };
    readonly routes?: readonly { readonly port?: number }[];
    readonly members?: readonly Member[];
  };
}

interface Member {
  readonly egress?: string;
  readonly proxy?: { readonly url?: string; readonly authRef?: SecretRef };
}

/** In order, each once. `key` is `namespace/name` of the cluster. */
export function relayPorts(policies: readonly KubeObject[], pools: readonly KubeObject[], key: string): number[] {
  const routes = namedBy(policies, key).flatMap(({ spec }) => spec?.routes ?? []);
  const members = namedBy(pools, key).flatMap(({ spec }) => spec?.members ?? []);
  const ports = [
    ...routes.map(({ port }) => port ?? 0),
    ...members.map(({ egress, proxy }) =>
      egress === 'Proxy' ? portOf(proxy?.url) : egress === 'Node' ? NODE_PROXY : 0,
    ),
  ];
  return [...new Set(ports.filter((port) => port > 0))].toSorted((a, b) => a - b);
}

/** In order, each once. Only pools beside the cluster may name proxies, and pods mount Secrets of their own namespace only. */
export function proxyLogins(pools: readonly KubeObject[], key: string): SecretRef[] {
  const beside = namedBy(pools, key).filter(({ metadata }) => key.startsWith(`${metadata.namespace}/`));
  const refs = beside.flatMap(({ spec }) => (spec?.members ?? []).flatMap(({ proxy }) => proxy?.authRef ?? []));
  const byPlace = new Map(refs.map(({ name, key: of }) => [`${name} ${of}`, { name, key: of }]));
  return [...byPlace].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, ref]) => ref);
}

const namedBy = (objects: readonly KubeObject[], key: string): Declared[] =>
  objects.filter((it) => clusterKey(it) === key).map((it) => it as Declared);

/** `namespace/name` of the cluster that a resource names. */
export function clusterKey(object: KubeObject): string {
  const { clusterRef } = (object as Declared).spec ?? {};
  return `${clusterRef?.namespace ?? object.metadata.namespace}/${clusterRef?.name}`;
}

function portOf(url = ''): number {
  const { port } = URL.parse(url) ?? { port: '' };
  return port === '' ? NODE_PROXY : Number(port);
}
