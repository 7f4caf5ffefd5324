/**
 * The one kind of external-dns, as far as we speak of it.
 */
import type { KubeObject } from '#lib/kube/kube.ts';

const text = { type: 'string' };
const texts = { type: 'array', items: text };
const endpoint = {
  type: 'object',
  properties: { dnsName: text, recordType: text, recordTTL: { type: 'integer', format: 'int64' }, targets: texts },
};
const spec = { type: 'object', properties: { endpoints: { type: 'array', items: endpoint } } };

export const EXTERNAL_DNS: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'dnsendpoints.externaldns.k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/external-dns/pull/2007' },
  },
  spec: {
    group: 'externaldns.k8s.io',
    scope: 'Namespaced',
    names: { kind: 'DNSEndpoint', listKind: 'DNSEndpointList', plural: 'dnsendpoints', singular: 'dnsendpoint' },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
      },
    ],
  },
};
