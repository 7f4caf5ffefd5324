/**
 * The way of a command to the pods of a cluster, by a kubeconfig: what it names, and its clock and chance.
 */
import { readFile } from 'node:fs/promises';
import { type KubeconfigAccess, kubeconfigAccess } from '#lib/kube/kubeconfig.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import { systemClock } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import { systemRandom } from '#lib/run/random.ts';
import type { KubeFlags } from '../watch/admin-flags.ts';
import { type ClusterDoor, openClusterDoor } from '../watch/cluster-door.ts';

export async function clusterDoor({ kubeconfig, namespace, cluster }: KubeFlags): Promise<ClusterDoor> {
  const access = await accessOf({ kubeconfig });
  const kube = new ApiServer(access, systemClock, systemRandom);
  try {
    return await openClusterDoor({ namespace: namespace ?? access.namespace, cluster }, { kube, access });
  } finally {
    kube.close();
  }
}

/** To the API server that a kubeconfig names. */
export const accessOf = async ({ kubeconfig }: Pick<KubeFlags, 'kubeconfig'>): Promise<KubeconfigAccess> =>
  kubeconfigAccess(kubeconfig === undefined ? undefined : await textOf(kubeconfig));

const textOf = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Fault('kube-config', `${file} cannot be read: name a kubeconfig with --kubeconfig`, { cause });
  });
