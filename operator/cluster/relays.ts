/**
 * Ports that a cluster's workers connect to beside 25: of routes that policies name, and of egress proxies. Pure.
 */
import type { KubeObject } from '#lib/kube/kube.ts';

/** Where the egress proxies of nodes listen. */
const NODE_PROXY = 1080;

interface Declared {
  readonly spec?: {
    readonly clusterRef?: { readonly name?: string; readonly namespace?: string };
    readonly routes?: readonly { readonly port?: number }[];
    readonly members?: readonly { readonly egress?: string; readonly proxy?: { readonly url?: string } }[];
  };
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
