/**
 * The cluster on this machine that an API server declares: NATS, and the pods of the operator's Deployments of a namespace as processes.
 *
 * For an API server without nodes, such as tests have: where there are nodes, the pods run there already.
 */
import { readFileSync } from 'node:fs';
import { kubeconfigAccess } from '#lib/kube/kubeconfig.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { Kubectl } from '../harness/kubectl.ts';
import { Kubelet, type RunningPod } from '../harness/kubelet.ts';
import { Nats } from '../harness/nats.ts';
import type { Stage } from '../harness/stage.ts';
import { say } from './tools.ts';

export interface ClusterPods {
  /** Where NATS is. */
  readonly servers: readonly string[];
  stop(): Promise<void>;
}

/** Where the ports of NATS are those that everybody has: workers look there for how it writes. */
const NATS_ADDRESS = '127.0.44.1';

/** `changed`: which process is what, from the first on. */
export async function startPods(
  stage: Stage,
  { kubeconfig, namespace }: { readonly kubeconfig: string; readonly namespace: string },
  changed: (roles: readonly object[]) => void,
): Promise<ClusterPods> {
  const nats = await Nats.start(stage, { address: NATS_ADDRESS });
  const kube = new ApiServer(kubeconfigAccess(readFileSync(kubeconfig, 'utf8')), systemClock, systemRandom);
  const kubectl = new Kubectl(stage, kubeconfig);
  const others = nats.processes.map(({ pid, port, monitor }) => ({
    role: 'nats',
    pid,
    ports: { client: port, monitor },
  }));
  const tell = (pods: readonly RunningPod[]): void => changed([...others, ...pods.map(roleOf)]);
  tell([]);
  const kubelet = new Kubelet({ stage, kube, kubectl, namespace, changed: tell });
  const stop = async (): Promise<void> => {
    await kubelet.close();
    kube.close();
  };
  return { servers: nats.urls.map((it) => `nats://${it}`), stop };
}

/** What a pod is, for `.cache/cluster.json`. */
function roleOf({ name, component, program, metricsUrl, folder }: RunningPod): object {
  const { pid, outFile: output } = program;
  say(`${name} runs as process ${pid}`);
  return { role: component, name, pid, ports: { metrics: Number(new URL(metricsUrl).port) }, folder, output };
}
