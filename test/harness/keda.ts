/**
 * The one kind of KEDA that an example is of, as far as we speak of it.
 */
import type { KubeObject } from '#lib/kube/kube.ts';

const text = { type: 'string' };
const count = { type: 'integer', format: 'int32' };
const structure = (properties: object): object => ({ type: 'object', properties });
const list = (items: object): object => ({ type: 'array', items });

/** As of `autoscaling/v2`. */
const rules = structure({
  stabilizationWindowSeconds: count,
  policies: list(structure({ type: text, value: count, periodSeconds: count })),
});
const behavior = structure({ scaleUp: rules, scaleDown: rules });

const spec = structure({
  scaleTargetRef: structure({ apiVersion: text, kind: text, name: text }),
  minReplicaCount: count,
  maxReplicaCount: count,
  triggers: list(structure({ type: text, metadata: { type: 'object', additionalProperties: text } })),
  advanced: structure({ horizontalPodAutoscalerConfig: structure({ behavior }) }),
});

export const KEDA: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'scaledobjects.keda.sh' },
  spec: {
    group: 'keda.sh',
    scope: 'Namespaced',
    names: { kind: 'ScaledObject', listKind: 'ScaledObjectList', plural: 'scaledobjects', singular: 'scaledobject' },
    versions: [{ name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema: structure({ spec }) } }],
  },
};
