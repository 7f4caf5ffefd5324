/**
 * How far a Deployment is with what was asked of it. Pure.
 */
import type { KubeObject } from '#lib/kube/kube.ts';
import type { Child, Component } from '../workload/child.ts';

export interface Rollout {
  readonly replicas: number;
  readonly ready: number;
  /** Every pod is there, as it should be, and ready. */
  readonly isDone: boolean;
  readonly image: string;
}

interface Deployment {
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: { readonly spec?: { readonly containers?: readonly { readonly image?: string }[] } };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly readyReplicas?: number;
  };
}

export const NOT_THERE: Rollout = { replicas: 0, ready: 0, isDone: false, image: '' };

export function rolloutOf(deployment: KubeObject): Rollout {
  const { spec = {}, status = {} } = deployment as Deployment;
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0, readyReplicas = 0 } = status;
  const wanted = spec.replicas ?? 1;
  const isSeen = (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0);
  const isWhole = updatedReplicas === wanted && replicas === wanted && availableReplicas === wanted;
  const image = spec.template?.spec?.containers?.[0]?.image ?? '';
  return { replicas, ready: readyReplicas, isDone: isSeen && isWhole, image };
}

/** The Deployment of a component among what belongs to a cluster. */
export const deploymentOf = (owned: readonly Child[], component: Component): KubeObject | undefined =>
  owned.find(({ type, object }) => type.kind === 'Deployment' && isOf(object, component))?.object;

export const isOf = ({ metadata }: KubeObject, component: Component): boolean =>
  metadata.labels?.['app.kubernetes.io/component'] === component;
