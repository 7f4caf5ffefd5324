/**
 * The flows of a cluster, judged as Kubernetes does: what some policy allows of a pod that policies choose, and nothing else.
 */
import { expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import { validate } from '#crds/validate.ts';
import { networkPolicies } from './network.ts';

type Labels = Readonly<Record<string, string>>;
type Protocol = 'TCP' | 'UDP';

interface Selector {
  readonly matchLabels: Labels;
}
interface Rule {
  readonly ports?: readonly { readonly port: number; readonly protocol: Protocol }[];
  readonly from?: readonly { readonly namespaceSelector: Selector }[];
}
interface Policy {
  readonly podSelector: Selector;
  readonly policyTypes: readonly string[];
  readonly ingress?: readonly Rule[];
  readonly egress?: readonly Rule[];
}

/** Who speaks with a pod of ours: a namespace, or somebody outside of the cluster. */
interface Peer {
  readonly namespace?: Labels;
}

const has = ({ matchLabels }: Selector, labels: Labels): boolean =>
  Object.entries(matchLabels).every(([name, value]) => labels[name] === value);

const allows = (rule: Rule, peer: Peer, port: number, protocol: Protocol): boolean =>
  (rule.ports?.some((it) => it.port === port && it.protocol === protocol) ?? true) &&
  (rule.from?.some(({ namespaceSelector }) => peer.namespace && has(namespaceSelector, peer.namespace)) ?? true);

function isAllowed(
  policies: readonly Policy[],
  pod: Labels,
  direction: 'Ingress' | 'Egress',
  flow: { peer: Peer; port: number; protocol: Protocol },
): boolean {
  const chosen = policies.filter((it) => has(it.podSelector, pod) && it.policyTypes.includes(direction));
  if (chosen.length === 0) return true;
  const rules = chosen.flatMap((it) => (direction === 'Ingress' ? it.ingress : it.egress) ?? []);
  return rules.some((rule) => allows(rule, flow.peer, flow.port, flow.protocol));
}

const spec = {
  ingress: {
    listeners: [
      { name: 'submission', protocol: 'SMTP', port: 587, containerPort: 2587 },
      { name: 'api', protocol: 'HTTPS', port: 8443 },
    ],
  },
  queue: { nats: { servers: ['nats://nats:4222', 'tls://other'] } },
  limits: { redis: { url: 'redis://redis:6390' } },
};
const validated = validate(sample('MTACluster', spec, { name: 'main', namespace: 'mail' }));
if (validated.kind === 'invalid' || validated.resource.kind !== 'MTACluster')
  throw new Error(JSON.stringify(validated));
const cluster = validated.resource;
const policies = networkPolicies({
  cluster,
  uid: 'u',
  image: 'i',
  relayPorts: [2525, 1080],
  proxyLogins: [],
  podsRole: 'postfleet-pods',
}).map(({ object }) => object['spec'] as Policy);

const podOf = (component: string): Labels => ({
  'app.kubernetes.io/name': 'postfleet',
  'app.kubernetes.io/instance': 'main',
  'app.kubernetes.io/component': component,
});
const PEERS: Readonly<Record<string, Peer>> = {
  internet: {},
  tenant: { namespace: { 'kubernetes.io/metadata.name': 'tenant' } },
  mail: { namespace: { 'kubernetes.io/metadata.name': 'mail' } },
  prometheus: { namespace: { 'kubernetes.io/metadata.name': 'metrics', 'postfleet.io/monitoring': 'true' } },
};

test.each<[component: string, direction: 'from' | 'to', peer: string, port: number, is: boolean, protocol?: Protocol]>([
  ['ingress', 'from', 'internet', 2587, true],
  ['ingress', 'from', 'tenant', 8443, true],
  ['ingress', 'from', 'internet', 587, false],
  ['ingress', 'from', 'internet', 9464, false],
  ['ingress', 'from', 'tenant', 9464, false],
  ['ingress', 'from', 'mail', 9464, true],
  ['ingress', 'from', 'prometheus', 9464, true],
  ['ingress', 'from', 'prometheus', 22, false],
  ['ingress', 'to', 'internet', 53, true],
  ['ingress', 'to', 'internet', 53, true, 'UDP'],
  ['ingress', 'to', 'mail', 4222, true],
  ['ingress', 'to', 'mail', 6390, true],
  ['ingress', 'to', 'mail', 8222, true],
  ['ingress', 'to', 'internet', 6443, true],
  ['ingress', 'to', 'internet', 25, false],
  ['ingress', 'to', 'internet', 2525, false],
  ['ingress', 'to', 'tenant', 8080, false],
  ['worker', 'from', 'internet', 2587, false],
  ['worker', 'from', 'mail', 4222, false],
  ['worker', 'from', 'tenant', 9464, false],
  ['worker', 'from', 'prometheus', 9464, true],
  ['worker', 'to', 'internet', 25, true],
  ['worker', 'to', 'internet', 25, false, 'UDP'],
  ['worker', 'to', 'internet', 443, true],
  ['worker', 'to', 'internet', 53, true, 'UDP'],
  ['worker', 'to', 'tenant', 2525, true],
  ['worker', 'to', 'tenant', 1080, true],
  ['worker', 'to', 'mail', 6390, true],
  ['worker', 'to', 'tenant', 6379, false],
  ['worker', 'to', 'internet', 22, false],
  ['other', 'from', 'mail', 9464, false],
  ['other', 'to', 'internet', 53, false],
])('%s %s %s at port %i: %s', (component, direction, peer, port, is, protocol = 'TCP') => {
  const flow = { peer: PEERS[peer] ?? {}, port, protocol };
  expect(isAllowed(policies, podOf(component), direction === 'from' ? 'Ingress' : 'Egress', flow)).toBe(is);
});

test('pods of others are nobody’s business', () => {
  const flow = { peer: {}, port: 1, protocol: 'TCP' } as const;
  expect(isAllowed(policies, { 'app.kubernetes.io/instance': 'other' }, 'Egress', flow)).toBe(true);
});
