/**
 * What the pods of a cluster have loaded, by their own reports. Pure.
 *
 * A pod tells which revision of each bundle it has (`lib/keyring/report.ts`). One that has not told may have anything.
 */
import { KEYRING_REPORT } from '#lib/keyring/report.ts';
import { type Pods, wordsOf } from '../pods.ts';
import type { Component } from '../workload/child.ts';

/** `{"dkim/00.json": "<revision>", …}` of each pod of a component; undefined for one that has not reported. */
export type Reports = readonly (Readonly<Record<string, string>> | undefined)[];

export const reportsOf = (pods: Pods, cluster: string, component: Component): Reports =>
  wordsOf(pods, cluster, component, KEYRING_REPORT).map((it) =>
    typeof it === 'object' && it !== null ? (it as Record<string, string>) : undefined,
  );

/** How many pods have these revisions of all bundles, by path; one that is empty may be missing. */
export const countWhole = (reports: Reports, revisions: ReadonlyMap<string, string>): number =>
  reports.filter((it) => it && [...revisions].every(([path, revision]) => (it[path] ?? '') === revision)).length;

/** Whether every pod has this revision of a bundle. */
export const haveAll = (reports: Reports, path: string, revision: string): boolean =>
  reports.every((it) => it?.[path] === revision);
