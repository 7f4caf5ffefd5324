/**
 * What a process that is a pod asks of the Kubernetes API: the resources of its `MTACluster`; and what it tells the operator there.
 *
 * Nothing of the library is loaded where resources are in a folder. A word that cannot be told is logged and tried again; that of the
 * keyring holds up rotations of keys meanwhile, and no other holds up anything.
 */
import { REPORTS_KEYRING } from '#lib/keyring/report.ts';
import type { Kube } from '#lib/kube/kube.ts';
import { PodReport, type PodWord } from '#lib/kube/pod-report.ts';
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
  const kube = opened.adopt(new ApiServer(await kubeAccess(settings.api), systemClock, systemRandom), (it) =>
    it.close(),
  );
  const { cluster, namespaces } = settings;
  return { kube, cluster, ...(namespaces && { namespaces }) };
}

export interface TellingOptions {
  /** Absent: there is no operator. */
  readonly kube: Pick<Kube, 'apply'> | undefined;
  readonly pod: KubernetesSettings['pod'];
  readonly clock: Clock;
  readonly log: Log;
}

/** Tells the operator something of this process, from now on. */
export type TellOperator = (word: PodWord) => void;

/** Who is no pod has nobody to tell. */
export function tellingOperator({ kube, pod, clock, log }: TellingOptions, opened: AsyncDisposableStack): TellOperator {
  if (!kube || !pod) return () => undefined;
  return (word) => {
    const failed = (thrown: unknown): void =>
      log.warn('the operator cannot be told of this pod', { what: word.annotation, reason: reasonOf(thrown) });
    const report = new PodReport({ ...word, kube, pod, clock, labels: REPORTS_KEYRING, failed });
    opened.adopt(report, (it) => it.close());
  };
}
