/**
 * Where a process of several is told to read the declared world: a folder, or the Kubernetes API. Pure.
 *
 * Exactly one of both. In Kubernetes what resources refer to is in a folder all the same: mounted, never asked for.
 */
import { resolve } from 'node:path';
import { podApiOf } from '#lib/kube/pod-access.ts';
import { Fault } from '#lib/run/fault.ts';
import type { KubernetesSettings } from './settings.ts';

export interface KubernetesFlags {
  readonly config?: string;
  /** `namespace/name` of the `MTACluster`. */
  readonly cluster?: string;
  /** Names of namespaces with commas between; absent: all. */
  readonly watchNamespaces?: string;
  /** Folder in which `secrets/<name>/<key>` is what resources refer to. */
  readonly mounts?: string;
}

interface WorldSettings {
  readonly config: string;
  readonly kubernetes?: KubernetesSettings;
}

/** Where pods have what is mounted for them. */
const MOUNTS = '/run/postfleet/config';
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Throws the fault `bad-setting`. */
export function readWorld(
  { config, cluster, watchNamespaces, mounts }: KubernetesFlags,
  environment: Readonly<Record<string, string | undefined>>,
): WorldSettings {
  if ((config === undefined) === (cluster === undefined))
    throw bad('--config and --cluster: name one of them, a folder of resources or an MTACluster, such as mail/main');
  if (config !== undefined && (watchNamespaces ?? mounts) !== undefined)
    throw bad('--watch-namespaces and --mounts go with --cluster, not with --config: leave them out');
  if (cluster === undefined) return { config: config ?? '' };
  const names = cluster.split('/');
  if (names.length !== 2 || !names.every((it) => LABEL.test(it)))
    throw bad(`--cluster ${cluster}: must be the namespace and the name of an MTACluster, such as mail/main`);
  const namespaces = namespacesOf(watchNamespaces, names[0] ?? '');
  const [pod, api] = [podOf(environment), podApiOf(environment)];
  return {
    config: resolve(mounts ?? MOUNTS),
    kubernetes: { cluster, ...(api && { api }), ...(namespaces && { namespaces }), ...(pod && { pod }) },
  };
}

/** Each once. Throws the fault `bad-setting`. */
export function readNamespaces(text: string): readonly string[] {
  const names = [...new Set(text.split(',').map((it) => it.trim()))];
  for (const it of names)
    if (!LABEL.test(it)) throw bad(`--watch-namespaces: "${it}" cannot be a namespace; write mail,shop`);
  return names;
}

function namespacesOf(text: string | undefined, own: string): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const names = readNamespaces(text);
  if (!names.includes(own)) throw bad(`--watch-namespaces: must name ${own} too, where the MTACluster is`);
  return names;
}

/** As Kubernetes tells a pod of itself. */
export function podOf({ POD_NAMESPACE, POD_NAME, POD_UID }: Readonly<Record<string, string | undefined>>) {
  if (POD_NAMESPACE === undefined || POD_NAME === undefined || POD_UID === undefined) return undefined;
  return { namespace: POD_NAMESPACE, name: POD_NAME, uid: POD_UID };
}

const bad = (message: string): Fault => new Fault('bad-setting', message);
