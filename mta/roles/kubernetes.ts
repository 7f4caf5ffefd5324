/**
 * What a process that is a pod asks of the Kubernetes API: the resources of its `MTACluster`; and what it tells there: which
 * keyring it has in use.
 *
 * Nothing of the library is loaded where resources are in a folder. A report that cannot be told is logged, tried again, and holds up
 * rotations of keys and nothing else.
 */
import type { FolderKeyring } from '#lib/keyring/folder.ts';
import type { Kube } from '#lib/kube/kube.ts';
import { type Clock, systemClock } from '#lib/run/clock.ts';
import { reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import { systemRandom } from '#lib/run/random.ts';
import type { KubernetesSettings } from './settings.ts';

/** Where the declared world of a cluster is. */
export interface KubernetesWorld extends Pick<KubernetesSettings, 'cluster' | 'namespaces'> {
  readonly kube: Kube;
}

/** Undefined where resources are in a folder. Fault `kube-config` when nothing says where the API server is. */
export async function openKube(
  settings: KubernetesSettings | undefined,
  opened: AsyncDisposableStack,
): Promise<KubernetesWorld | undefined> {
  if (!settings) return undefined;
  const { kubeAccess } = await import('#lib/kube/access.ts');
  const { ApiServer } = await import('#lib/kube/api-server.ts');
  const kube = opened.adopt(new ApiServer(kubeAccess(), systemClock, systemRandom), (it) => it.close());
  const { cluster, namespaces } = settings;
  return { kube, cluster, ...(namespaces && { namespaces }) };
}

export interface TellingOptions {
  readonly kube: Pick<Kube, 'apply'>;
  readonly keyring: Pick<FolderKeyring, 'revisions' | 'onChange'>;
  readonly pod: KubernetesSettings['pod'];
  readonly clock: Clock;
  readonly log: Log;
}

/** Tells which keyring is in use, from now on. Who is no pod has nobody to tell. */
export async function tellKeyring({ pod, log, ...options }: TellingOptions, opened: AsyncDisposableStack) {
  if (!pod) return;
  const { reportKeyring } = await import('#lib/keyring/report.ts');
  const failed = (thrown: unknown): void =>
    log.warn('the operator cannot be told which keyring this pod has', { reason: reasonOf(thrown) });
  opened.adopt(reportKeyring({ ...options, pod, failed }), (it) => it.close());
}
