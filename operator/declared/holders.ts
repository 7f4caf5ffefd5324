/**
 * Which node holds which address of pools, and where its egress proxy is, by what the proxies' pods report. Pure.
 *
 * Only reports of pods in the namespace of the proxies count: whoever else said so would be given mail and logins. A pod says which
 * addresses its node has; which node that is, and whether the pod is well, Kubernetes says.
 */
import { isIPv6 } from 'node:net';
import { EGRESS_REPORT, parseEgressText, REPORTS_EGRESS } from '#lib/egress/report.ts';
import { kubeKey, type KubeObject } from '#lib/kube/kube.ts';

export interface Holder {
  readonly node: string;
  /** `socks5://10.0.0.5:1080`. */
  readonly endpoint: string;
}

/** Holders by address, those of one address by the names of their nodes. */
export type Holders = ReadonlyMap<string, readonly Holder[]>;

/** `pods` and `leases` of any namespace. */
export function holdersIn(namespace: string, pods: readonly KubeObject[], leases: readonly KubeObject[]): Holders {
  const byKey = new Map(pods.map((it) => [kubeKey(it.metadata), it]));
  const held = leases.filter(isReportIn(namespace)).flatMap((lease) => {
    const word = parseEgressText(lease.metadata.annotations?.[EGRESS_REPORT] ?? '');
    const place = placeOf(byKey.get(kubeKey(lease.metadata)));
    if (!word || !place) return [];
    const host = isIPv6(place.host) ? `[${place.host}]` : place.host;
    const endpoint = `${word.isSecure ? 'socks5s' : 'socks5'}://${host}:${word.port}`;
    return word.addresses.map((address) => ({ address, node: place.node, endpoint }));
  });
  const inOrder = held.toSorted((a, b) => (a.node < b.node ? -1 : 1));
  return new Map(
    Array.from(Map.groupBy(inOrder, ({ address }) => address)).map(([address, all]) => [
      address,
      all.map(({ node, endpoint }) => ({ node, endpoint })),
    ]),
  );
}

const isReportIn =
  (namespace: string) =>
  ({ metadata }: KubeObject): boolean =>
    metadata.namespace === namespace &&
    metadata.labels?.['postfleet.io/reports'] === REPORTS_EGRESS['postfleet.io/reports'];

interface PodFields {
  readonly spec?: { readonly nodeName?: string };
  readonly status?: {
    readonly hostIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** Where a pod runs that is ready: a node that is gone makes its pods unready. */
function placeOf(pod: KubeObject | undefined): { readonly node: string; readonly host: string } | undefined {
  if (!pod || pod.metadata.deletionTimestamp !== undefined) return undefined;
  const { spec, status } = pod as PodFields;
  const isReady = status?.conditions?.some((it) => it.type === 'Ready' && it.status === 'True');
  const [node, host] = [spec?.nodeName, status?.hostIP];
  return isReady && node !== undefined && host !== undefined ? { node, host } : undefined;
}
