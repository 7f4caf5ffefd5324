/**
 * One whole Kubernetes node: control plane, scheduler, containerd, kubelet, kube-proxy and CoreDNS, in the namespaces of this process.
 *
 * Promises: when `start` resolves pods run, Services lead to them, and names of the cluster and of the zones are answered. Its end is that
 * of the namespaces.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ControlPlane } from '../../harness/control-plane.ts';
import type { Stage } from '../../harness/stage.ts';
import { until } from '../../harness/until.ts';
import { programFile } from '../../setup/control-plane.ts';
import { IMAGES } from '../run/images.ts';
import { Containers } from './containers.ts';
import { Kubectl } from '../kubectl.ts';
import {
  API_ADDRESS,
  DNS_ADDRESS,
  folderOfRun,
  makeMachine,
  NODE_ADDRESS,
  POD_NETWORK,
  SERVICE_NETWORK,
} from './machine.ts';
import { DNS_OBJECTS, Names } from './names.ts';

export const NAME = 'node1';
/** Who has no right but those of the group that examples speak of. */
export const ON_CALL = 'on-call';
const READY_WITHIN = 120_000;

export class Node {
  readonly plane: ControlPlane;
  readonly containers: Containers;
  readonly names: Names;
  readonly kubectl: Kubectl;

  private constructor(plane: ControlPlane, containers: Containers, names: Names, kubectl: Kubectl) {
    this.plane = plane;
    this.containers = containers;
    this.names = names;
    this.kubectl = kubectl;
  }

  static async start(stage: Stage, zones: readonly string[]): Promise<Node> {
    makeMachine();
    const pods = { address: NODE_ADDRESS, serviceNetwork: SERVICE_NETWORK, serviceAddress: API_ADDRESS };
    const users = { [ON_CALL]: { groups: ['mail-operators'] } };
    const [plane, containers] = await Promise.all([
      ControlPlane.start(stage, { pods, users }),
      Containers.start(stage),
    ]);
    const kubeconfig = join(folderOfRun(), 'kubeconfig');
    writeFileSync(kubeconfig, plane.kubeconfig(), { mode: 0o600 });
    plane.startControllerManager();
    const scheduling = ['--kubeconfig', kubeconfig, '--leader-elect=false', '--secure-port=0'];
    stage.start('kube-scheduler', programFile('kube-scheduler'), scheduling);
    const names = Names.start(stage, kubeconfig, zones);
    const node = new Node(plane, containers, names, new Kubectl(stage, kubeconfig));
    node.#loadImages();
    startKubelet(stage, kubeconfig, containers);
    await node.kubectl.apply(...DNS_OBJECTS);
    await node.#isReady();
    // It waits for the node's address, and says nothing of it.
    startProxy(stage, kubeconfig);
    return node;
  }

  #loadImages(): void {
    const images = join(folderOfRun(), 'images');
    for (const tar of readdirSync(images)) this.containers.load(join(images, tar));
    const { repository, tag, next } = IMAGES;
    this.containers.ctr('images', 'tag', `${repository}:${tag}`, `${repository}:${next}`);
  }

  async #isReady(): Promise<void> {
    const path = '{.status.conditions[?(@.type=="Ready")].status}';
    const ready = async (): Promise<boolean> =>
      (await this.kubectl.run('get', 'node', NAME, '--output', `jsonpath=${path}`)).stdout === 'True';
    await until('the node is ready', ready, READY_WITHIN);
  }
}

function startKubelet(stage: Stage, kubeconfig: string, { socket }: Containers): void {
  const folder = join(folderOfRun(), 'kubelet');
  mkdirSync(folder);
  writeFileSync(join(folder, 'resolv.conf'), `nameserver ${NODE_ADDRESS}\n`);
  const configuration = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    failSwapOn: false,
    failCgroupV1: false,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${basename(folderOfRun())}`,
    containerRuntimeEndpoint: `unix://${socket}`,
    // Who is in this network made it.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    clusterDomain: 'cluster.local',
    clusterDNS: [DNS_ADDRESS],
    resolvConf: join(folder, 'resolv.conf'),
    // How soon a pod sees what its Secrets have become.
    syncFrequency: '5s',
    podLogsDir: '/var/log/pods',
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(configuration));
  const place = ['--hostname-override', NAME, '--node-ip', NODE_ADDRESS, '--root-dir', join(folder, 'root')];
  const files = ['--config', join(folder, 'config.json'), '--kubeconfig', kubeconfig];
  stage.start('kubelet', programFile('kubelet'), [...files, ...place]);
}

function startProxy(stage: Stage, kubeconfig: string): void {
  const file = join(folderOfRun(), 'kube-proxy.json');
  const configuration = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    hostnameOverride: NAME,
    clusterCIDR: POD_NETWORK,
    clientConnection: { kubeconfig },
    // The limits of connections are the machine's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
  writeFileSync(file, JSON.stringify(configuration));
  stage.start('kube-proxy', programFile('kube-proxy'), ['--config', file]);
}
