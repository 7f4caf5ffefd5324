/**
 * Pods of a cluster, and what each has told by a Lease of its name (`lib/kube/pod-report.ts`). Pure.
 *
 * A pod that has told nothing may be in any state. Of a Lease each word is parsed once, however many ask.
 */
import type { KubeObject, KubeType } from '#lib/kube/kube.ts';
import { LEASES } from '#lib/kube/pod-report.ts';
import { PODS } from './types.ts';
import type { Component } from './workload/child.ts';
import type { World } from './world.ts';

/** Of one namespace. */
export interface Pods {
  readonly pods: readonly KubeObject[];
  readonly leases: readonly KubeObject[];
}

export function podsIn(world: World, namespace: string): Pods {
  const near = (type: KubeType) => world.objects(type).filter((it) => it.metadata.namespace === namespace);
  return { pods: near(PODS), leases: near(LEASES) };
}

const parsed = new WeakMap<KubeObject, Map<string, unknown>>();

/** What each pod of a component has told as JSON, but for those that have ended; undefined: nothing that can be read. */
export function wordsOf({ pods, leases }: Pods, cluster: string, component: Component, annotation: string): unknown[] {
  const byName = new Map(leases.map((it) => [it.metadata.name, it]));
  const ours = pods.filter((it) => isOf(it, cluster, component));
  return ours.map(({ metadata }) => wordIn(byName.get(metadata.name), annotation));
}

/** Whether a pod is of the component, and has not ended. */
function isOf({ metadata: { labels = {} }, status }: KubeObject, cluster: string, component: Component): boolean {
  const { phase } = (status ?? {}) as { readonly phase?: string };
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  const isOurs =
    labels['app.kubernetes.io/instance'] === cluster && labels['app.kubernetes.io/component'] === component;
  return isOurs && !isOver;
}

/** What a Lease says in an annotation. */
export function wordIn(lease: KubeObject | undefined, annotation: string): unknown {
  const text = lease?.metadata.annotations?.[annotation];
  if (!lease || text === undefined) return undefined;
  const words = parsed.get(lease) ?? new Map<string, unknown>();
  parsed.set(lease, words);
  if (!words.has(annotation)) words.set(annotation, jsonIn(text));
  return words.get(annotation);
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
