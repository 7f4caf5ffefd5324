/**
 * A real Kubernetes control plane on loopback: etcd and the API server, ready in seconds; the controller manager if asked.
 *
 * There are no nodes: pods stay Pending. Without the controller manager nothing that belongs to something else is ever
 * deleted, and namespaces stay; so each test has a namespace of its own. Everybody is let in by a token; the administrator's
 * is `kubeconfig()`. The API server can be ended and started again on what etcd holds.
 */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { type KubeconfigAccess, kubeconfigAccess } from '#lib/kube/kubeconfig.ts';
import { type Certificate, selfMadeCertificate } from '#lib/run/certificate.ts';
import { programFile } from '../setup/control-plane.ts';
import { freePorts } from './ports.ts';
import type { Program } from './program.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

export interface ControlPlaneOptions {
  /** Further flags of the API server, such as those of an audit log. */
  readonly flags?: readonly string[];
  /** Who else is let in, by name: tokens are the names. */
  readonly users?: Readonly<Record<string, { readonly groups: readonly string[] }>>;
  /** Where pods of a real node reach it; absent: it is on loopback alone, and there are no nodes. */
  readonly pods?: PodNetwork;
}

export interface PodNetwork {
  /** Of this machine, as pods know it. */
  readonly address: string;
  readonly serviceNetwork: string;
  /** Of the Service `kubernetes`: the first one of that network. */
  readonly serviceAddress: string;
}

const ADMINISTRATOR = 'administrator';
const STARTS_WITHIN = 60_000;

/** What needs neither nodes nor a cloud. */
const CONTROLLERS = [
  'garbage-collector-controller',
  'namespace-controller',
  'deployment-controller',
  'replicaset-controller',
  'statefulset-controller',
  'endpointslice-controller',
  'disruption-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
  'root-ca-certificate-publisher-controller',
  'clusterrole-aggregation-controller',
];

interface Where {
  readonly folder: string;
  readonly port: number;
  readonly etcdPort: number;
  readonly pods: PodNetwork | undefined;
}

export class ControlPlane {
  readonly server: string;
  /** What the API server shows, for who stands between. */
  readonly identity: Certificate;
  readonly #stage: Stage;
  readonly #folder: string;
  readonly #arguments: readonly string[];
  readonly #controllers: readonly string[];
  #apiServer: Program | undefined;

  private constructor(stage: Stage, where: Where, identity: Certificate, flags: readonly string[]) {
    this.#stage = stage;
    this.#folder = where.folder;
    this.server = `https://127.0.0.1:${where.port}`;
    this.identity = identity;
    this.#arguments = [...apiServerArguments(where), ...flags];
    this.#controllers = where.pods ? ['*'] : CONTROLLERS;
  }

  /** Resolves when the API server is ready. */
  static async start(stage: Stage, options: ControlPlaneOptions = {}): Promise<ControlPlane> {
    const [port = 0, etcdPort = 0, peerPort = 0] = await freePorts(3);
    const folder = stage.folder('control-plane');
    const identity = await writeIdentities(folder, options);
    startEtcd(stage, folder, etcdPort, peerPort);
    const { pods, flags = [] } = options;
    const plane = new ControlPlane(stage, { folder, port, etcdPort, pods }, identity, flags);
    await plane.startApiServer();
    return plane;
  }

  /** Resolves when it is ready, within so many ms. After `killApiServer`, on the same port. */
  async startApiServer(within = STARTS_WITHIN): Promise<void> {
    const program = this.#stage.start('kube-apiserver', programFile('kube-apiserver'), this.#arguments);
    this.#apiServer = program;
    await until(
      'the API server is ready',
      async () => {
        if (program.exit) throw new Error(`kube-apiserver ended, saying:\n${program.stderr.slice(-2000)}`);
        return this.#isReady();
      },
      within,
    );
  }

  /** SIGKILL. What it has acknowledged is in etcd. */
  async killApiServer(): Promise<void> {
    await this.#apiServer?.kill();
  }

  /** Deployments get their ReplicaSets and pods, namespaces end, and what belongs to something goes with it. */
  startControllerManager(): Program {
    const kubeconfig = join(this.#folder, 'controller-manager.kubeconfig');
    writeFileSync(kubeconfig, this.kubeconfig());
    return this.#stage.start('kube-controller-manager', programFile('kube-controller-manager'), [
      `--kubeconfig=${kubeconfig}`,
      `--controllers=${this.#controllers.join(',')}`,
      `--service-account-private-key-file=${this.#folder}/accounts.key`,
      `--root-ca-file=${this.#folder}/server.crt`,
      '--use-service-account-credentials=false',
      '--leader-elect=false',
      '--secure-port=0',
    ]);
  }

  /** For whoever is let in with this token: the administrator, a user of the options, a service account; at `server`. */
  kubeconfig(token = ADMINISTRATOR, server = this.server): string {
    const authority = Buffer.from(this.identity.cert).toString('base64');
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': authority } }],
      users: [{ name: 'test', user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      'current-context': 'test',
    });
  }

  access(token = ADMINISTRATOR, server = this.server): KubeconfigAccess {
    return kubeconfigAccess(this.kubeconfig(token, server));
  }

  #isReady(): Promise<boolean> {
    const headers = { authorization: `Bearer ${ADMINISTRATOR}` };
    return new Promise((resolve) => {
      get(`${this.server}/readyz`, { ca: this.identity.cert, headers, agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      }).on('error', () => resolve(false));
    });
  }
}

/** Files that say who the server is, whom it lets in, and what tokens of service accounts are signed with. */
async function writeIdentities(folder: string, { users = {}, pods }: ControlPlaneOptions): Promise<Certificate> {
  const inPods = pods ? ['kubernetes.default.svc', pods.address, pods.serviceAddress] : [];
  const { cert, key } = await selfMadeCertificate(['localhost', '127.0.0.1', ...inPods]);
  const accounts = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const everybody = { [ADMINISTRATOR]: { groups: ['system:masters'] }, ...users };
  const files = {
    'server.crt': cert,
    'server.key': key,
    'accounts.key': accounts.privateKey.export({ type: 'sec1', format: 'pem' }),
    'accounts.pub': accounts.publicKey.export({ type: 'spki', format: 'pem' }),
    'tokens.csv': Object.entries(everybody)
      .map(([name, { groups }]) => `${name},${name},${name},"${groups.join(',')}"\n`)
      .join(''),
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content, { mode: 0o600 });
  return { cert, key };
}

/** The API server waits for it. */
function startEtcd(stage: Stage, folder: string, port: number, peerPort: number): void {
  const [url, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  stage.start('etcd', programFile('etcd'), [
    `--data-dir=${folder}/etcd`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    // Whatever the tests kill, it is not the machine.
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]);
}

const apiServerArguments = ({ folder, port, etcdPort, pods }: Where): string[] => [
  `--etcd-servers=http://127.0.0.1:${etcdPort}`,
  `--secure-port=${port}`,
  `--cert-dir=${folder}`,
  `--tls-cert-file=${folder}/server.crt`,
  `--tls-private-key-file=${folder}/server.key`,
  `--token-auth-file=${folder}/tokens.csv`,
  `--service-account-key-file=${folder}/accounts.pub`,
  `--service-account-signing-key-file=${folder}/accounts.key`,
  '--service-account-issuer=https://kubernetes.default.svc',
  '--authorization-mode=Node,RBAC',
  '--allow-privileged=true',
  ...(pods ? toPods(pods) : TO_NOBODY),
];

const toPods = ({ address, serviceNetwork }: PodNetwork): string[] => [
  '--bind-address=0.0.0.0',
  `--advertise-address=${address}`,
  `--service-cluster-ip-range=${serviceNetwork}`,
  // Nobody resolves the names of nodes.
  '--kubelet-preferred-address-types=InternalIP',
];

const TO_NOBODY = [
  '--bind-address=127.0.0.1',
  '--advertise-address=127.0.0.1',
  '--endpoint-reconciler-type=none',
  '--service-cluster-ip-range=10.0.0.0/24',
  // Pods of tests have no service account that somebody made.
  '--disable-admission-plugins=ServiceAccount',
];
