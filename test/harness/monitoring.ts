/**
 * The kinds of the Prometheus Operator, as far as our chart speaks of them: an API server takes these fields and no other.
 *
 * Fields and patterns as in its API reference (https://prometheus-operator.dev/docs/api-reference/api/), version v1.
 */
import type { KubeObject } from '#lib/kube/kube.ts';

type Schema = Readonly<Record<string, unknown>>;

const text = { type: 'string' };
const words = { type: 'object', additionalProperties: text };
const object = (properties: Schema, ...required: readonly string[]): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
});
const list = (items: Schema): Schema => ({ type: 'array', items });

const DURATION = '^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$';
const duration = { type: 'string', pattern: DURATION };

const chosen = {
  selector: object({ matchLabels: words }),
  namespaceSelector: object({ any: { type: 'boolean' }, matchNames: list(text) }),
};
const endpoints = list(object({ port: text, interval: duration }));
const rule = object({ alert: text, expr: text, for: duration, labels: words, annotations: words }, 'expr');

const KINDS: Readonly<Record<string, Schema>> = {
  ServiceMonitor: object({ ...chosen, endpoints }, 'endpoints', 'selector'),
  PodMonitor: object({ ...chosen, podMetricsEndpoints: endpoints }, 'selector'),
  PrometheusRule: object({ groups: list(object({ name: text, rules: list(rule) }, 'name')) }),
};

export const MONITORING: readonly KubeObject[] = Object.entries(KINDS).map(([kind, spec]) => {
  const [singular, plural] = [kind.toLowerCase(), `${kind.toLowerCase()}s`];
  const schema = { openAPIV3Schema: object({ spec }, 'spec') };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.monitoring.coreos.com` },
    spec: {
      group: 'monitoring.coreos.com',
      scope: 'Namespaced',
      names: { kind, plural, singular, listKind: `${kind}List` },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
});
