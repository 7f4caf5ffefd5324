/**
 * What is declared in the e2e: the example, with what the page leaves open.
 */
import type { KubeObject } from '#lib/kube/kube.ts';
import { REQUESTS } from './stores.ts';

/** Of the example: where mail leaves from. */
export const SENDER = '192.0.2.1';
export const SECOND = '192.0.2.2';
/** Of their mail, by weight. */
export const SHARES = new Map([
  [`${SENDER} mta1.example.com`, 75],
  [`${SECOND} mta2.example.com`, 25],
]);

/** Whichever node has them. */
const MEMBERS = [
  { name: 'one', address: SENDER, ehloName: 'mta1.example.com', weight: 300 },
  { name: 'two', address: SECOND, ehloName: 'mta2.example.com', weight: 100 },
];

export const inMail = (object: KubeObject): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, namespace: 'mail' },
});

/**
 * The example, with what the page leaves open: who publishes records, where limits are counted, and two addresses. What was put off
 * is tried again soon, lest it be taken for lost.
 */
export function declared(object: KubeObject): KubeObject {
  const spec = object['spec'] as object;
  const limits = { redis: { url: 'redis://valkey.mail:6379', passwordRef: { name: 'valkey', key: 'password' } } };
  if (object.kind === 'SendingDomain')
    return { ...object, spec: { ...spec, dns: { mode: 'DNSEndpoint', apex: 'Manage' } } };
  if (object.kind === 'IPPool') return { ...object, spec: { ...spec, members: MEMBERS } };
  if (object.kind !== 'MTACluster') return object;
  const { ingress, workers } = spec as { readonly ingress: object; readonly workers: object };
  const pods = { resources: { requests: REQUESTS } };
  const more = { limits, defaults: { retry: { firstSeconds: 5, maxSeconds: 10 } } };
  return { ...object, spec: { ...spec, ...more, ingress: { ...ingress, pods }, workers: { ...workers, pods } } };
}
