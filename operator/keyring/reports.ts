/**
 * What the pods of a cluster have loaded, by their own reports. Pure.
 *
 * A pod reports by a Lease of its pod's name (`lib/keyring/report.ts`): which revision of each bundle it has. A pod without a
 * report may have anything.
 */
import { KEYRING_REPORT } from '#lib/keyring/report.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import type { Component } from '../workload/child.ts';

/** `{"dkim/00.json": "<revision>", …}` of each pod of a component; undefined for one that has not reported. */
export type Reports = readonly (Readonly<Record<string, string>> | undefined)[];

/** `pods` and `leases` of the cluster's namespace. */
export function reportsOf(
  pods: readonly KubeObject[],
  leases: readonly KubeObject[],
  cluster: string,
  component: Component,
): Reports {
  const byName = new Map(leases.map((it) => [it.metadata.name, it]));
  return pods.filter((it) => isOf(it, cluster, component)).map(({ metadata }) => reportIn(byName.get(metadata.name)));
}

/** Whether a pod is of the component, and has not ended. */
function isOf({ metadata: { labels = {} }, status }: KubeObject, cluster: string, component: Component): boolean {
  const { phase } = (status ?? {}) as { readonly phase?: string };
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  const isOurs =
    labels['app.kubernetes.io/instance'] === cluster && labels['app.kubernetes.io/component'] === component;
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

/** How many pods have these revisions of all bundles, by path; one that is empty may be missing. */
export const countWhole = (reports: Reports, revisions: ReadonlyMap<string, string>): number =>
  reports.filter((it) => it && [...revisions].every(([path, revision]) => (it[path] ?? '') === revision)).length;

/** Whether every pod has this revision of a bundle. */
export const haveAll = (reports: Reports, path: string, revision: string): boolean =>
  reports.every((it) => it?.[path] === revision);
