/**
 * An `MTACluster`: what is to be made, changed and removed, and what is said of it. Pure.
 *
 * Workers roll before ingress: what accepts mail gets a new image only when all that delivers it runs with that. Nothing is removed but
 * what belongs to this very cluster.
 */
import { validate } from '#crds/validate.ts';
import { kubeKey, type KubeObject } from '#lib/kube/kube.ts';
import type { Instant } from '#lib/run/clock.ts';
import type { Status } from '../controller/status.ts';
import type { KeyringCount } from '../keyring/loaded.ts';
import type { Blueprint, Child } from '../workload/child.ts';
import { workload } from '../workload/workload.ts';
import type { QueueTold } from './queue.ts';
import { deploymentOf, isOf, rolloutOf } from './rollout.ts';
import type { SecretProblem } from './secrets.ts';
import { clusterStatus } from './status.ts';

export interface ClusterView {
  /** The `MTACluster` as the server has it. */
  readonly observed: KubeObject;
  /** What belongs to it, and what was made for it elsewhere. */
  readonly owned: readonly Child[];
  /** Ports of routes and egress proxies. */
  readonly relayPorts: readonly number[];
  /** What members of pools name for their proxies. */
  readonly proxyLogins: Blueprint['proxyLogins'];
  /** What is wrong with the Secrets that are named. */
  readonly secrets?: SecretProblem | undefined;
  /** Of all pods, those that have the keyring as it is compiled now. */
  readonly keyring: KeyringCount;
  /** What pods tell of the queue. */
  readonly queue: QueueTold;
  /** The image of all pods. */
  readonly image: string;
  readonly podsRole: string;
  readonly podsRoleUid?: string | undefined;
  /** Absent: all namespaces are watched. */
  readonly watchNamespaces?: readonly string[] | undefined;
  readonly now: Instant;
}

export interface ClusterPlan {
  /** To be kept as they are here, in order. */
  readonly wanted: readonly Child[];
  /** To be removed. */
  readonly obsolete: readonly Child[];
  /** What is said of it when the server has refused something (a sentence each), or nothing. */
  status(refused: readonly string[]): Status;
}

export function planCluster(view: ClusterView): ClusterPlan {
  const blueprint = blueprintOf(view);
  const children = typeof blueprint === 'string' ? [] : workload(blueprint);
  const wanted = children.filter((it) => !isHeld(it, view));
  const kept = new Set(children.map(keyOf));
  // What cannot be built leaves everything as it runs.
  const obsolete = typeof blueprint === 'string' ? [] : view.owned.filter((it) => !kept.has(keyOf(it)));
  return { wanted, obsolete, status: (refused) => clusterStatus(view, blueprint, refused) };
}

/** What can be built, or why nothing can. */
function blueprintOf({
  observed,
  relayPorts,
  proxyLogins,
  image,
  podsRole,
  podsRoleUid,
  watchNamespaces,
}: ClusterView): Blueprint | string {
  const validated = validate(observed);
  if (validated.kind === 'invalid') {
    const [{ path, problem } = { path: '', problem: '' }] = validated.problems;
    return `${path} ${problem}`;
  }
  const { resource } = validated;
  if (resource.kind !== 'MTACluster') return 'it is no MTACluster';
  if (!resource.spec.queue.nats) return 'spec.queue.nats is missing: several pods share a queue only there';
  const settings = { image, podsRole, podsRoleUid, ...(watchNamespaces && { watchNamespaces }) };
  return { cluster: resource, uid: observed.metadata.uid ?? '', relayPorts, proxyLogins, ...settings };
}

const keyOf = ({ type, object }: Child): string => `${type.kind} ${kubeKey(object.metadata)}`;

/** Ingress with another image than before, while workers have not all got theirs. */
function isHeld({ type, object }: Child, { owned, image }: ClusterView): boolean {
  if (type.kind !== 'Deployment' || !isOf(object, 'ingress')) return false;
  const ingress = deploymentOf(owned, 'ingress');
  if (!ingress || rolloutOf(ingress).image === image) return false;
  const worker = deploymentOf(owned, 'worker');
  return !worker || rolloutOf(worker).image !== image || !rolloutOf(worker).isDone;
}
