/**
 * What the workers of a cluster have loaded, by their own reports. Pure.
 *
 * A worker reports by a Lease of its pod's name (`lib/keyring/report.ts`): which revision of each bundle it has. A pod without a
 * report may have anything.
 */
import { KEYRING_REPORT } from '#lib/keyring/report.ts';
import type { KubeObject } from '#lib/kube/kube.ts';

/** `{"dkim/00.json": "<revision>", …}` of each worker that may sign; undefined for one that has not reported. */
export type Reports = readonly (Readonly<Record<string, string>> | undefined)[];

/** `pods` and `leases` of the cluster's namespace. */
export function reportsOf(pods: readonly KubeObject[], leases: readonly KubeObject[], cluster: string): Reports {
  const byName = new Map(leases.map((it) => [it.metadata.name, it]));
  return pods.filter((it) => isWorkerOf(it, cluster)).map(({ metadata }) => reportIn(byName.get(metadata.name)));
}

function isWorkerOf({ metadata: { labels = {} }, status }: KubeObject, cluster: string): boolean {
  const { phase } = (status ?? {}) as { readonly phase?: string };
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  const isOurs = labels['app.kubernetes.io/instance'] === cluster && labels['app.kubernetes.io/component'] === 'worker';
  return isOurs && !isOver;
}

function reportIn(lease: KubeObject | undefined): Readonly<Record<string, string>> | undefined {
  try {
    const report: unknown = JSON.parse(lease?.metadata.annotations?.[KEYRING_REPORT] ?? '');
    return typeof report === 'object' && report !== null ? (report as Record<string, string>) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether every worker has this revision of a bundle. */
export const haveAll = (reports: Reports, path: string, revision: string): boolean =>
  reports.every((it) => it?.[path] === revision);
