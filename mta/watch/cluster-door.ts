/**
 * The way to the admin API of a cluster's pods through the API server: which pod, with what token, by ports of this machine that lead there.
 *
 * Any pod answers for all of them; a worker is asked where one is ready. Whoever may get the token's Secret and forward ports of pods in the cluster's
 * namespace is let in, and nobody listens on anything but loopback, as long as the command lasts.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { ADMIN_TOKEN, adminTokenSecret } from '#lib/keyring/admin-token.ts';
import type { KubeconfigAccess, PodPlace } from '#lib/kube/kubeconfig.ts';
import type { Kube, KubeObject, KubeType } from '#lib/kube/kube.ts';
import { Fault } from '#lib/run/fault.ts';
import type { AdminDoor } from './admin-client.ts';

export interface ClusterFlags {
  /** The namespace of the `MTACluster`. */
  readonly namespace: string;
  /** Its name; absent: the only one there. */
  readonly cluster?: string | undefined;
}

export interface ClusterDoor extends AdminDoor {
  /** Where the pod's metrics are. */
  readonly metrics: string;
  close(): void;
}

export interface Surroundings {
  readonly kube: Pick<Kube, 'get' | 'list'>;
  readonly access: Pick<KubeconfigAccess, 'forward'>;
}

const PODS: KubeType = { group: '', version: 'v1', plural: 'pods', kind: 'Pod' };
const SECRETS: KubeType = { group: '', version: 'v1', plural: 'secrets', kind: 'Secret' };
const INSTANCE = 'app.kubernetes.io/instance';
const COMPONENT = 'app.kubernetes.io/component';
const OURS = `app.kubernetes.io/managed-by=postfleet-operator,${COMPONENT} in (ingress,worker)`;
/** Where the roles listen when nothing else is said, which the operator does not. */
const PORTS = { admin: 8081, metrics: 9464 };

/** Faults: `not-running`, `bad-setting` where several clusters could be meant, those of `Kube`. */
export async function openClusterDoor(flags: ClusterFlags, { kube, access }: Surroundings): Promise<ClusterDoor> {
  const { objects } = await kube.list(PODS, { namespace: flags.namespace, labelSelector: OURS });
  const pod = podToAsk(objects, flags);
  const token = await tokenOf(pod, flags.namespace, kube);
  const place = { namespace: flags.namespace, name: pod.metadata.name };
  const [admin, metrics] = await Promise.all([lead(place, PORTS.admin, access), lead(place, PORTS.metrics, access)]);
  return {
    url: admin.url,
    token,
    problem: admin.problem,
    metrics: metrics.url,
    close: () => [admin, metrics].forEach((it) => it.close()),
  };
}

/** A worker that is ready, else an ingress. */
export function podToAsk(pods: readonly KubeObject[], { namespace, cluster }: ClusterFlags): KubeObject {
  const ready = pods.filter((it) => isReady(it) && (cluster === undefined || labelOf(it, INSTANCE) === cluster));
  const clusters = [...new Set(ready.map((it) => labelOf(it, INSTANCE)))];
  if (clusters.length > 1) {
    const names = clusters.toSorted((a, b) => a.localeCompare(b)).join(', ');
    throw new Fault(
      'bad-setting',
      `namespace ${namespace} has several MTAClusters: name one of ${names} with --cluster`,
    );
  }
  const chosen = ready.find((it) => labelOf(it, COMPONENT) === 'worker') ?? ready[0];
  if (chosen) return chosen;
  const whose = cluster === undefined ? 'an MTACluster' : `MTACluster ${cluster}`;
  throw new Fault('not-running', `no pod of ${whose} is ready in namespace ${namespace}: name it with --namespace`);
}

const labelOf = ({ metadata }: KubeObject, label: string): string => metadata.labels?.[label] ?? '';

function isReady({ metadata, status }: KubeObject): boolean {
  const { conditions = [] } = (status ?? {}) as { readonly conditions?: readonly { type: string; status: string }[] };
  return (
    metadata.deletionTimestamp === undefined && conditions.some((it) => it.type === 'Ready' && it.status === 'True')
  );
}

async function tokenOf(pod: KubeObject, namespace: string, kube: Pick<Kube, 'get'>): Promise<string> {
  const name = adminTokenSecret(labelOf(pod, INSTANCE));
  const secret = await kube.get({ type: SECRETS, namespace, name });
  const { [ADMIN_TOKEN.key]: encoded } = (secret?.['data'] ?? {}) as Readonly<Record<string, string>>;
  if (encoded === undefined)
    throw new Fault('not-running', `there is no Secret ${namespace}/${name}: the operator makes it; does it run?`);
  return Buffer.from(encoded, 'base64').toString();
}

interface Lead {
  readonly url: string;
  readonly problem: () => Fault | undefined;
  close(): void;
}

/** A port of this machine from which each connection goes to the pod's. */
async function lead(pod: PodPlace, port: number, access: Pick<KubeconfigAccess, 'forward'>): Promise<Lead> {
  let problem: Fault | undefined;
  const sockets = new Set<Socket>();
  const noted = (thrown: unknown): void => {
    if (thrown instanceof Fault) problem = thrown;
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', noted).once('close', () => sockets.delete(socket));
    access.forward(pod, port, socket).catch((thrown: unknown) => {
      noted(thrown);
      socket.destroy();
    });
  });
  await listening(server);
  const close = (): void => {
    server.close();
    for (const it of sockets) it.destroy();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, problem: () => problem, close };
}

const listening = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
