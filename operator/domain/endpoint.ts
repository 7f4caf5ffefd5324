/**
 * The records of a domain as a `DNSEndpoint` of external-dns, which publishes them. Pure.
 *
 * Published is what the domain alone has: its keys, its return path, and a DMARC record if there is none; what stands at the domain
 * itself only with `dns.apex: Manage`. The record of a key that somebody brought is theirs. The object belongs to the `SendingDomain`: with
 * it goes what was published for it.
 */
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import { recordName } from '#lib/dkim/record.ts';
import type { RecordReport } from '#lib/domain/records.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { MANAGED_BY } from '../workload/child.ts';
import type { KeptKey } from './key-secret.ts';

export interface EndpointView {
  readonly domain: SendingDomain;
  readonly uid: string;
  readonly keys: readonly KeptKey[];
  readonly records: readonly RecordReport[];
  /** The object as it is: what was published once stays. */
  readonly before: KubeObject | undefined;
}

interface Endpoint {
  readonly dnsName: string;
  readonly recordType: string;
  readonly recordTTL: number;
  readonly targets: readonly string[];
}

/** As soon as anybody needs to hear of a change, and no sooner. */
const TTL_SECONDS = 300;

export function endpointOf(view: EndpointView): KubeObject {
  const { domain, uid } = view;
  const { apiVersion, kind, metadata } = domain;
  const owner = { apiVersion, kind, name: metadata.name, uid, controller: true, blockOwnerDeletion: true };
  return {
    apiVersion: 'externaldns.k8s.io/v1alpha1',
    kind: 'DNSEndpoint',
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace,
      labels: { ...MANAGED_BY },
      ownerReferences: [owner],
    },
    spec: { endpoints: endpointsOf(view) },
  };
}

function endpointsOf(view: EndpointView): Endpoint[] {
  const { txtFormat } = view.domain.spec.dns;
  const published = view.records.filter((it) => isPublished(it, view));
  const byName = Map.groupBy(published, ({ name, type }) => `${name} ${type}`);
  return [...byName]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([, [first, ...more]]) => {
      if (!first) return [];
      const values = [first, ...more].flatMap(({ expected }) => expected.slice(0, 1));
      const targets = first.type === 'TXT' && txtFormat === 'Quoted' ? values.map(quoted) : values;
      return [{ dnsName: first.name, recordType: first.type, recordTTL: TTL_SECONDS, targets }];
    });
}

function isPublished({ purpose, name, state }: RecordReport, { domain, keys, before }: EndpointView): boolean {
  const { spec } = domain;
  if (name === spec.domain) return spec.dns.apex === 'Manage';
  if (purpose === 'DKIM')
    return keys.some(({ selector, revision }) => revision > 0 && recordName(selector, spec.domain) === name);
  return purpose !== 'DMARC' || state === 'Missing' || namesIn(before).includes(name);
}

function namesIn(endpoint: KubeObject | undefined): string[] {
  const { endpoints = [] } = (endpoint?.['spec'] ?? {}) as { readonly endpoints?: readonly Endpoint[] };
  return endpoints.map(({ dnsName }) => dnsName);
}

/** Character-strings of 255 octets at most, as zone files have them. */
const quoted = (text: string): string =>
  (text.match(/.{1,255}/gs) ?? ['']).map((it) => `"${it.replaceAll(/["\\]/g, String.raw`\$&`)}"`).join(' ');
