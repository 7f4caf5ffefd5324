/**
 * The Service in front of ingress, and what keeps the pods of both components from being taken away together. Pure.
 */
import { type Blueprint, type Child, childMetadata, childName, type Component, selectorOf } from './child.ts';

const SERVICE = { group: '', version: 'v1', plural: 'services', kind: 'Service' } as const;
const BUDGET = { group: 'policy', version: 'v1', plural: 'poddisruptionbudgets', kind: 'PodDisruptionBudget' } as const;

/** None when there is no listener: a Service needs a port. */
export function ingressService(blueprint: Blueprint): Child[] {
  const { listeners, service } = blueprint.cluster.spec.ingress;
  if (listeners.length === 0) return [];
  const isOutside = service.type !== 'ClusterIP';
  const metadata = childMetadata(blueprint, childName(blueprint, 'ingress'), 'ingress');
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, ...(service.annotations && { annotations: service.annotations }) },
    spec: {
      type: service.type,
      selector: selectorOf(blueprint, 'ingress'),
      ports: listeners.map(({ name, port }) => ({ name, port, targetPort: name, protocol: 'TCP' })),
      ...(isOutside && { externalTrafficPolicy: service.externalTrafficPolicy }),
      ...(service.loadBalancerClass !== undefined &&
        service.type === 'LoadBalancer' && { loadBalancerClass: service.loadBalancerClass }),
    },
  };
  return [{ type: SERVICE, object }];
}

/**
 * One pod at a time, and one that is ill is nobody's loss: nodes can always be drained. None for a single pod, which would keep its
 * node from being drained at all.
 */
export function disruptionBudgets(blueprint: Blueprint): Child[] {
  const { ingress, workers } = blueprint.cluster.spec;
  const replicas: Readonly<Record<Component, number>> = { ingress: ingress.replicas, worker: workers.replicas };
  return (['ingress', 'worker'] as const)
    .filter((component) => replicas[component] > 1)
    .map((component) => ({
      type: BUDGET,
      object: {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: childMetadata(blueprint, childName(blueprint, component), component),
        spec: {
          maxUnavailable: 1,
          unhealthyPodEvictionPolicy: 'AlwaysAllow',
          selector: { matchLabels: selectorOf(blueprint, component) },
        },
      },
    }));
}
