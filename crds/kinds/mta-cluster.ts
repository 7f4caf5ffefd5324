/**
 * `MTACluster`: where mail comes in, who works on it, where it waits, and what holds for all of it.
 */
import { dnsLabel, ipAddress, mailbox, networks, resolverAddress, serverUrl } from '../address.ts';
import {
  expireAfterSeconds,
  factor,
  firstIsWithinMax,
  firstSeconds,
  maxSeconds,
  onInDoubt,
  tlsLevel,
  tlsMinVersion,
} from '../delivery.ts';
import { ingressLimits } from '../ingress-limits.ts';
import { grant, labelSelector, pods, secretName, secretRef } from '../parts.ts';
import { type Resource, document } from '../resource.ts';
import {
  type Infer,
  immutable,
  integer,
  list,
  listBy,
  object,
  oneNumberOf,
  oneOf,
  ruled,
  text,
  textMap,
} from '../schema.ts';

const port = () => integer(1, 65_535);

const listener = () =>
  ruled(
    object({
      name: dnsLabel(15).describe('Name of the listener; also the name of its port in the Service.'),
      protocol: oneOf('SMTP', 'SMTPS', 'HTTP', 'HTTPS').describe(
        'SMTP offers STARTTLS; SMTPS and HTTPS begin with TLS.',
      ),
      address: ipAddress().exactOptional().describe('Address to listen on; all addresses when absent.'),
      port: port().describe('Port that senders connect to.'),
      containerPort: port().exactOptional().describe('Port in the container; the same as `port` when absent.'),
      tls: object({
        certificateRefs: list(secretName(), 8)
          .exactOptional()
          .describe('Secrets with tls.crt and tls.key, the first for clients without SNI.'),
      })
        .exactOptional()
        .describe('Certificates. Without any, one that no authority has signed is made.'),
      trustedNetworks: networks()
        .default([])
        .describe(
          'Peers that the limits meant for strangers do not apply to. Sending without AUTH is granted by a SendingCredential.',
        ),
      proxyProtocolFrom: networks()
        .default([])
        .describe('Load balancers whose connections begin with a PROXY header; nobody else may send one.'),
    }),
    {
      cel: "self.protocol != 'HTTP' || !has(self.tls)",
      message: 'must not have tls with protocol HTTP: use HTTPS',
      holds: ({ protocol, tls }) => protocol !== 'HTTP' || tls === undefined,
    },
  );
export type Listener = Infer<ReturnType<typeof listener>>;

const listeners = () =>
  ruled(listBy('name', listener(), 16), {
    cel: "self.all(a, self.exists_one(b, a.port == b.port && (has(a.address) ? a.address : '') == (has(b.address) ? b.address : '')))",
    message: 'must not listen twice on the same address and port',
    holds: (all) => new Set(all.map(({ address, port: at }) => `${address} ${at}`)).size === all.length,
  });

/** What the rule of the limits reads, spelled out where all of them are defaults. */
const LIMITS_READ = { receivingBytes: 268_435_456, messageBytes: 26_214_400 };

const ingress = () =>
  object({
    replicas: integer(0, 256).default(2).describe('Pods that accept mail.'),
    pods: pods().exactOptional().describe('Settings of these pods.'),
    listeners: listeners().default([]).describe('Where mail is accepted.'),
    feedbackAddresses: list(mailbox(), 8)
      .default([])
      .describe(
        'Addresses that complaints about mail of any namespace are sent to, such as those for the IP addresses.',
      ),
    limits: ingressLimits().prefault(LIMITS_READ).describe('How much those who hand in mail may ask for.'),
    service: object({
      type: oneOf('ClusterIP', 'NodePort', 'LoadBalancer').default('ClusterIP').describe('Type of the Service.'),
      annotations: textMap(64, { key: 317, value: 8192 }).exactOptional().describe('Annotations of the Service.'),
      loadBalancerClass: text({ max: 317 }).exactOptional().describe('Which load balancer serves it.'),
      externalTrafficPolicy: oneOf('Cluster', 'Local')
        .default('Cluster')
        .describe('Local keeps the address of the sender.'),
    })
      .prefault({})
      .describe('The Service in front of these pods.'),
  });

const workers = () =>
  object({
    replicas: integer(0, 256).default(3).describe('Pods that deliver mail.'),
    pods: pods().exactOptional().describe('Settings of these pods.'),
    drainSeconds: integer(0, 3600).default(600).describe('Seconds a stopping worker waits for replies to final dots.'),
  });

const queue = () =>
  object({
    nats: object({
      servers: list(serverUrl('nats', 'tls'), 16, 1).describe('NATS servers, such as nats://nats:4222.'),
      credentialsRef: secretRef().exactOptional().describe('A NATS credentials file.'),
      caRef: secretRef().exactOptional().describe('Certificates of the authority that signs for the servers.'),
      replicas: oneNumberOf(1, 3, 5).default(3).describe('Copies of everything that is queued.'),
      maxBytes: integer(1_048_576, Number.MAX_SAFE_INTEGER).exactOptional().describe('Most bytes a stream may hold.'),
    })
      .exactOptional()
      .describe('JetStream. Without it the queue is embedded, for one process.'),
    reserve: object({
      percent: integer(0, 90).default(5).describe('Percent of its size, …'),
      bytes: integer(0, 1_125_899_906_842_624).default(536_870_912).describe('… and at least so many bytes.'),
    })
      .prefault({})
      .describe(
        "Room on the embedded queue's disk that is kept for mail accepted already: below it new mail is put off (452, 507) and deliveries go on.",
      ),
  });

const limits = () =>
  object({
    redis: object({
      url: serverUrl('redis', 'rediss').describe('Redis server, such as redis://redis:6379.'),
      passwordRef: secretRef().exactOptional().describe('Its password.'),
      caRef: secretRef().exactOptional().describe('Certificates of the authority that signs for the server.'),
    })
      .exactOptional()
      .describe('Redis. Without it limits are counted in the process.'),
  });

const defaults = () =>
  object({
    expireAfterSeconds: expireAfterSeconds().default(259_200),
    retry: ruled(
      object({
        firstSeconds: firstSeconds().default(900),
        factor: factor().default(2),
        maxSeconds: maxSeconds().default(14_400),
      }),
      firstIsWithinMax,
    )
      .prefault({})
      .describe('When a deferred message is tried again.'),
    tls: tlsLevel().default('Opportunistic'),
    tlsMinVersion: tlsMinVersion().default('TLSv1.2'),
    onInDoubt: onInDoubt().default('Retry'),
  });

const skipVerification = () =>
  ruled(
    object({
      from: oneOf('None', 'Selector').default('None').describe('No namespace, or those selected.'),
      selector: labelSelector().exactOptional().describe('Labels of the namespaces, for `Selector`.'),
    }),
    {
      cel: "(self.from == 'Selector') == has(self.selector)",
      message: 'must have a selector exactly when from is Selector',
      holds: ({ from, selector }) => (from === 'Selector') === (selector !== undefined),
    },
  );

const spec = ruled(
  object({
    shards: immutable(integer(1, 256))
      .default(64)
      .describe('Parts the queue is split into; a worker owns whole shards.'),
    namespaces: grant().prefault({ from: 'Same' }).describe('Namespaces whose resources may name this cluster.'),
    tenants: object({
      skipVerification: skipVerification()
        .prefault({ from: 'None' })
        .describe(
          'Namespaces whose domains may set `verification: Skip`. One machine without Kubernetes grants it always.',
        ),
    })
      .prefault({})
      .describe('What tenants may do.'),
    ingress: ingress().prefault({}).describe('Where mail comes in.'),
    workers: workers().prefault({}).describe('What delivers it.'),
    queue: queue().prefault({}).describe('Where it waits.'),
    limits: limits().prefault({}).describe('Where rates and quotas are counted.'),
    dns: object({
      resolvers: list(resolverAddress(), 8).default([]).describe("Resolvers; the machine's own when empty."),
      allowPrivate: networks()
        .default([])
        .describe('Private networks that mail exchangers and name servers of domains may lie in; none when empty.'),
    })
      .prefault({})
      .describe('How names are resolved.'),
    egress: object({
      tlsCARef: secretRef()
        .exactOptional()
        .describe('Certificates of the authority that signs for the egress proxies.'),
      authRef: secretRef().exactOptional().describe('Password of the egress proxies.'),
    })
      .prefault({})
      .describe('How workers reach the egress proxies.'),
    defaults: defaults().prefault({}).describe('What holds for every destination without a policy of its own.'),
  }),
  {
    cel: 'self.workers.replicas <= self.shards',
    message: 'must have at most as many workers.replicas as shards: a worker without a shard has nothing to do',
    holds: ({ workers: { replicas }, shards }) => replicas <= shards,
  },
);

export const mtaCluster = document('MTACluster', 'short', spec);
export type MTAClusterSpec = Infer<typeof spec>;
export type MTACluster = Resource<'MTACluster', MTAClusterSpec>;
