/**
 * Who may speak to whom: nothing, but for the flows that are listed here. Pure.
 *
 *   anybody → ingress, the ports of the listeners
 *   namespaces labelled `postfleet.io/monitoring: "true"`, and their own → metrics of both
 *   ingress → DNS, the API server, NATS, Redis
 *   worker  → the same, and mail: port 25, routes, egress proxies, and HTTPS for policies that domains publish
 *
 * Where mail goes cannot be named by address: which addresses mail is never sent to is the workers' own business. Nothing ever
 * connects to a worker but who reads its metrics.
 */
import { type Blueprint, type Child, childMetadata, childName, type Component, selectorOf } from './child.ts';
import { METRICS_PORT } from './pod.ts';

const POLICY = { group: 'networking.k8s.io', version: 'v1', plural: 'networkpolicies', kind: 'NetworkPolicy' } as const;

const DNS = 53;
const SMTP = 25;
/** Of the API server: as its Service has it, and as it listens itself; policies may see either. HTTPS is among them. */
const API_SERVER = [443, 6443];
/** Where NATS servers say whether they sync what they answer: a queue on servers that do not say so is refused. */
const NATS_MONITOR = 8222;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { nats: 4222, tls: 4222, redis: 6379, rediss: 6379 };

export const networkPolicies = (blueprint: Blueprint): Child[] => [
  nobody(blueprint),
  policy(blueprint, 'ingress', [anybodyTo(listenerPorts(blueprint)), monitoring(blueprint)].flat(), [
    toPorts([DNS], ['UDP', 'TCP']),
    toPorts([...API_SERVER, ...stores(blueprint)], ['TCP']),
  ]),
  policy(blueprint, 'worker', monitoring(blueprint), [
    toPorts([DNS], ['UDP', 'TCP']),
    toPorts([...API_SERVER, ...stores(blueprint), SMTP, ...blueprint.relayPorts], ['TCP']),
  ]),
];

/** What no policy allows is denied as soon as one chooses the pod. */
const nobody = (blueprint: Blueprint): Child => ({
  type: POLICY,
  object: {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: childMetadata(blueprint, childName(blueprint, 'deny')),
    spec: { podSelector: { matchLabels: selectorOf(blueprint) }, policyTypes: ['Ingress', 'Egress'] },
  },
});

const policy = (blueprint: Blueprint, component: Component, ingress: object[], egress: object[]): Child => ({
  type: POLICY,
  object: {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: childMetadata(blueprint, childName(blueprint, component), component),
    spec: {
      podSelector: { matchLabels: selectorOf(blueprint, component) },
      policyTypes: ['Ingress', 'Egress'],
      ingress,
      egress,
    },
  },
});

/** A rule without ports would allow all of them. */
const anybodyTo = (ports: readonly number[]): object[] =>
  ports.length === 0 ? [] : [{ ports: ports.map((port) => ({ port, protocol: 'TCP' })) }];

const monitoring = ({ cluster }: Blueprint): object[] => [
  {
    from: [
      { namespaceSelector: { matchLabels: { 'postfleet.io/monitoring': 'true' } } },
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': cluster.metadata.namespace } } },
    ],
    ports: [{ port: METRICS_PORT, protocol: 'TCP' }],
  },
];

const toPorts = (ports: readonly number[], protocols: readonly string[]): object => ({
  ports: [...new Set(ports)].flatMap((port) => protocols.map((protocol) => ({ port, protocol }))),
});

const listenerPorts = ({ cluster }: Blueprint): number[] =>
  cluster.spec.ingress.listeners.map(({ port, containerPort = port }) => containerPort);

/** Ports of NATS and Redis. */
function stores({ cluster: { spec } }: Blueprint): number[] {
  const urls = [...(spec.queue.nats?.servers ?? []), ...(spec.limits.redis ? [spec.limits.redis.url] : [])];
  const ports = urls.map((text) => {
    const { protocol, port } = new URL(text);
    return port === '' ? (DEFAULT_PORTS[protocol.slice(0, -1)] ?? 0) : Number(port);
  });
  return spec.queue.nats ? [...ports, NATS_MONITOR] : ports;
}
