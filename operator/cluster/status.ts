/**
 * What is said of an `MTACluster`: how many pods run, where senders connect to, and what is missing. Pure.
 */
import type { KubeObject } from '#lib/kube/kube.ts';
import { conditionsAfter, type Finding, type Progress, summary } from '../controller/condition.ts';
import { conditionsOf, type Status } from '../controller/status.ts';
import type { KeyringCount } from '../keyring/loaded.ts';
import { type Blueprint, type Child, selectorOf } from '../workload/child.ts';
import type { ClusterView } from './plan.ts';
import { queueFinding } from './queue.ts';
import { deploymentOf, NOT_THERE, type Rollout, rolloutOf } from './rollout.ts';

/** `blueprint`: what is built, or why nothing is. `refused`: what the server did not take, a sentence each. */
export function clusterStatus(view: ClusterView, blueprint: Blueprint | string, refused: readonly string[]): Status {
  const { observed, owned, now } = view;
  const generation = observed.metadata.generation ?? 0;
  const [ingress, workers] = (['ingress', 'worker'] as const).map((it) => deploymentOf(owned, it));
  const rollouts = { ingress: rollout(ingress), workers: rollout(workers) };
  const found = [
    ...findings(progressOf(blueprint, refused, view.secrets, rollouts), rollouts),
    queueFinding(view.queue),
    keyringFinding(view.keyring),
  ];
  return {
    observedGeneration: generation,
    conditions: conditionsAfter(conditionsOf(observed), found, { generation, now }),
    replicas: rollouts.workers.replicas,
    readyReplicas: rollouts.workers.ready,
    ...(typeof blueprint !== 'string' && { selector: selectorText(selectorOf(blueprint, 'worker')) }),
    ingress: { readyReplicas: rollouts.ingress.ready, addresses: addressesOf(owned) },
    ownedShards: view.queue.ownedShards,
    durability: view.queue.durability,
  };
}

interface Rollouts {
  readonly ingress: Rollout;
  readonly workers: Rollout;
}

const rollout = (deployment: KubeObject | undefined): Rollout => (deployment ? rolloutOf(deployment) : NOT_THERE);

function progressOf(
  blueprint: Blueprint | string,
  refused: readonly string[],
  secrets: ClusterView['secrets'],
  { ingress, workers }: Rollouts,
): Progress {
  if (typeof blueprint === 'string') return { kind: 'stalled', reason: 'SpecInvalid', message: blueprint };
  if (refused.length > 0) return { kind: 'stalled', reason: 'Refused', message: refused.join('; ') };
  if (secrets) return { kind: 'stalled', ...secrets };
  if (workers.isDone && ingress.isDone) return { kind: 'ready' };
  const waiting = workers.isDone ? 'ingress' : 'workers';
  return { kind: 'waiting', reason: 'RollingOut', message: `not all pods of ${waiting} are ready yet` };
}

const findings = (progress: Progress, { ingress, workers }: Rollouts): Finding[] => [
  ...summary(progress),
  part('IngressReady', ingress),
  part('WorkersReady', workers),
];

function keyringFinding({ whole, pods }: KeyringCount): Finding {
  const type = 'KeyringCurrent';
  if (pods === 0) return { type, status: 'Unknown', reason: 'NoPods', message: 'no pod runs that could load keys' };
  if (whole === pods) return { type, status: 'True', reason: 'Loaded', message: '' };
  const message = `${whole} of ${pods} pods have loaded keys and credentials as they are now`;
  return { type, status: 'False', reason: 'Loading', message };
}

const part = (type: string, { isDone, ready, replicas }: Rollout): Finding =>
  isDone
    ? { type, status: 'True', reason: 'AllReady', message: '' }
    : { type, status: 'False', reason: 'RollingOut', message: `${ready} of ${replicas} pods are ready` };

const selectorText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');

interface Service {
  readonly spec?: { readonly clusterIP?: string };
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly Record<string, string>[] } };
}

/** From outside, where there is one; else from inside. */
function addressesOf(owned: readonly Child[]): string[] {
  const found = owned.find(({ type }) => type.kind === 'Service')?.object;
  const { spec = {}, status = {} } = (found ?? {}) as Service;
  const outside = (status.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? []);
  const inside = spec.clusterIP === undefined || spec.clusterIP === 'None' ? [] : [spec.clusterIP];
  return outside.length > 0 ? outside : inside;
}
