/**
 * What can be said of an installation: every value of the chart, with its meaning, its bounds and its default. Data only.
 *
 * values.yaml, values.schema.json and the table in the chart's README are written from it.
 */

/** A part of JSON Schema, draft 7. What is no map of names to values takes no other name than those it lists. */
export interface ValueSchema {
  readonly type: 'object' | 'array' | 'string' | 'boolean' | 'integer';
  readonly description: string;
  /** Absent: nothing is right for everybody, and the chart asks for it. */
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, ValueSchema>>;
  /** Of a map: what its values are. */
  readonly additionalProperties?: { readonly type: 'string' } | boolean;
  readonly items?: object;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

type Inner = Readonly<Record<string, ValueSchema>>;

const group = (description: string, properties: Inner): ValueSchema => ({ type: 'object', description, properties });
const text = (description: string, fallback: string, pattern?: string): ValueSchema => ({
  type: 'string',
  description,
  default: fallback,
  ...(pattern !== undefined && { pattern }),
});
const asked = (description: string): ValueSchema => ({ type: 'string', description });
const flag = (description: string, fallback: boolean): ValueSchema => ({
  type: 'boolean',
  description,
  default: fallback,
});
const words = (description: string, fallback: Readonly<Record<string, string>> = {}): ValueSchema => ({
  type: 'object',
  description,
  default: fallback,
  additionalProperties: { type: 'string' },
});
/** As Kubernetes has it; the API server judges it. */
const fields = (description: string, fallback: object = {}): ValueSchema => ({
  type: 'object',
  description,
  default: fallback,
  additionalProperties: true,
});
const list = (description: string, items: object): ValueSchema => ({
  type: 'array',
  description,
  default: [],
  items,
});
const objects = (description: string): ValueSchema => list(description, { type: 'object' });

const NAMESPACE = '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$';
const NAMED = {
  type: 'object',
  properties: { name: { type: 'string' } },
  required: ['name'],
  additionalProperties: false,
};

const monitor = (what: string): ValueSchema =>
  group(what, {
    enabled: flag('Make it. Needs the CustomResourceDefinitions of the Prometheus Operator.', false),
    interval: text('How often the page is read.', '30s', '^[0-9]+(ms|s|m|h)$'),
    labels: words('Labels by which your Prometheus finds it.'),
  });

export const VALUES: Inner = {
  image: group('The image of the operator, and of all pods that it makes.', {
    repository: asked('Where the image is, such as `registry.example.com/postfleet`. Asked for.'),
    tag: text('Its tag; the version of the chart unless said.', '', '^[A-Za-z0-9_.-]{0,128}$'),
    digest: text('Its digest, in place of a tag.', '', '^(sha256:[0-9a-f]{64})?$'),
    pullPolicy: {
      type: 'string',
      description: 'When nodes fetch it.',
      default: 'IfNotPresent',
      enum: ['Always', 'IfNotPresent', 'Never'],
    },
  }),
  imagePullSecrets: list(
    'Secrets that are there already, with what the registry asks for: the operator’s own pods use them. Pods of an `MTACluster` have theirs in it.',
    NAMED,
  ),
  nameOverride: text('In place of the chart’s name in the names of objects.', ''),
  fullnameOverride: text('In place of release and chart in the names of objects.', ''),
  commonLabels: words('On every object.'),
  crds: group('The kinds that Postfleet adds to Kubernetes.', {
    enabled: flag('Install them, and keep them up to date.', true),
    keep: flag('Leave them, and all that is declared, when the release is removed.', true),
  }),
  operator: group('The operator.', {
    hostname: asked(
      'The public name of the host that takes bounces: return paths of domains point to it, such as `mx.example.com`. Asked for.',
    ),
    replicas: {
      type: 'integer',
      description: 'Pods. One leads, the others stand by with everything read.',
      default: 2,
      minimum: 0,
      maximum: 10,
    },
    watchNamespaces: list(
      'Namespaces that it reconciles; all when empty. Named ones are all it has rights in, and must be there already; grants by labels of namespaces count only where all are watched.',
      { type: 'string', pattern: NAMESPACE },
    ),
    resolvers: list('DNS servers, `address` or `address:port`; those of the pod when empty.', { type: 'string' }),
    allowPrivate: list('Private networks that name servers of domains may lie in, such as `10.1.0.0/16`.', {
      type: 'string',
    }),
    resources: fields('What its container asks for, and may use.', {
      requests: { cpu: '100m', memory: '192Mi' },
      limits: { memory: '512Mi' },
    }),
    env: objects('Variables of its container.'),
    podLabels: words('On its pods.'),
    podAnnotations: words('On its pods.'),
    nodeSelector: words('Nodes that its pods may run on.'),
    tolerations: objects('Taints that its pods bear.'),
    affinity: fields('Where its pods like to run.'),
    topologySpreadConstraints: objects('How its pods are spread; over nodes, as far as it goes, when empty.'),
    priorityClassName: text('Its pods’ priority.', ''),
    podDisruptionBudget: flag('One pod at a time when nodes are drained. Only with two replicas or more.', true),
    networkPolicy: flag(
      'Its metrics are for its own namespace and those labelled `postfleet.io/monitoring: "true"`.',
      true,
    ),
  }),
  egress: group('Egress proxies: a pod on each node that holds IP addresses, by which mail leaves from them.', {
    enabled: flag('Run them.', false),
    namespace: text(
      'Their namespace, which nothing else should use: pods in it may have the network of their nodes.',
      'postfleet-egress',
      NAMESPACE,
    ),
    createNamespace: flag('Make it, with the Pod Security level that lets them. It stays when the release goes.', true),
    nodeSelector: words('The nodes that hold addresses: label them.', { 'postfleet.io/egress': 'true' }),
    tolerations: objects('Taints of those nodes that its pods bear.'),
    logins: text(
      'A Secret in that namespace with a key `logins`: up to 16 lines `user:password`. Asked for where they run. `spec.egress.authRef` of an `MTACluster` names one of them.',
      '',
    ),
    certificate: text(
      'A Secret in that namespace with `tls.crt` and `tls.key` for the name `postfleet-egress`: workers speak TLS with them. In clear when empty.',
      '',
    ),
    allowPorts: {
      type: 'array',
      description: 'Ports of receivers.',
      default: [25],
      items: { type: 'integer', minimum: 1, maximum: 65_535 },
    },
    allowPrivate: list('Private networks that receivers may lie in, such as `10.1.0.0/16`.', { type: 'string' }),
    connections: {
      type: 'integer',
      description: 'Most at once, of each.',
      default: 4000,
      minimum: 1,
      maximum: 100_000,
    },
    connectionsPerClient: {
      type: 'integer',
      description: 'Most at once of one worker.',
      default: 2000,
      minimum: 1,
      maximum: 100_000,
    },
    resources: fields('What its container asks for, and may use.', {
      requests: { cpu: '100m', memory: '96Mi' },
      limits: { memory: '512Mi' },
    }),
    podLabels: words('On its pods.'),
    podAnnotations: words('On its pods.'),
    priorityClassName: text('Its pods’ priority.', ''),
  }),
  serviceAccount: group('The operator’s account.', {
    create: flag('Make it.', true),
    name: text('Its name; must be that of one that is there when none is made.', ''),
    annotations: words('On it.'),
  }),
  rbac: group('Rights.', {
    create: flag('Give the operator’s account its rights, and no more.', true),
    aggregate: flag(
      'Let who may view, edit or administer a namespace do so with Postfleet’s kinds in it, but for their status; where all namespaces are watched.',
      true,
    ),
  }),
  metrics: group('What Prometheus reads.', {
    serviceMonitor: monitor('The operator’s metrics.'),
    podMonitor: monitor('The metrics of the pods of every `MTACluster`, in all namespaces.'),
  }),
  alerts: group('Alerts for Prometheus, as in docs/reference/alerts.yaml.', {
    enabled: flag('Make a PrometheusRule of them.', false),
    labels: words('Labels by which your Prometheus finds it.'),
  }),
  dashboards: group('Dashboards for Grafana.', {
    enabled: flag('Make a ConfigMap of each, for Grafana’s sidecar.', false),
    namespace: text('Where; the namespace of the release when empty.', '', `^(${NAMESPACE.slice(1, -1)})?$`),
    labels: words('Labels by which the sidecar finds them.', { grafana_dashboard: '1' }),
    annotations: words('On them, such as the folder: `grafana_folder: Mail`.'),
  }),
  test: group('`helm test` sends a message by SMTP, as an application would, once this is filled in.', {
    namespace: text('Where the Secret is; that of the release when empty.', '', `^(${NAMESPACE.slice(1, -1)})?$`),
    credential: text('The Secret of a `SendingCredential`, such as `app-credential`; no test when empty.', ''),
    from: text('A sender of a domain that may send.', ''),
    to: text('Who gets it.', ''),
    authority: text(
      'A Secret there with `ca.crt` that the listener’s certificate is checked against. Without it any certificate is taken.',
      '',
    ),
  }),
  extraObjects: objects('Further objects, rendered as templates.'),
};
