/**
 * What is declared in the e2e: the examples, with what their pages leave open.
 */
import type { KubeObject } from '#lib/kube/kube.ts';
import type { Ground } from './ground.ts';
import { REQUESTS } from './stores.ts';

/** Enough for a few workers: each costs the servers and its holder a little, also while nothing comes. */
const SHARDS = 16;

/**
 * All domains of the load have one mail exchanger, and that is one site: the ten connections that a stranger is given carry what
 * comes, and no more when something waits.
 */
export const TO_THE_SINK: KubeObject = {
  apiVersion: 'postfleet.io/v1alpha1',
  kind: 'DestinationPolicy',
  metadata: { name: 'sink' },
  spec: { clusterRef: { name: 'main' }, match: { domains: ['*.load.test'] }, limits: { connections: 40 } },
};

/** In the namespace of senders. */
export const inMail = ({ places }: Pick<Ground, 'places'>, object: KubeObject): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, namespace: places.mail },
});

/**
 * Who publishes records, where limits are counted, and which addresses there are. What was put off is tried again soon, lest it be taken for
 * lost.
 */
export function declared({ pool, cluster }: Ground, object: KubeObject): KubeObject {
  const spec = object['spec'] as object;
  const limits = { redis: { url: 'redis://valkey:6379', passwordRef: { name: 'valkey', key: 'password' } } };
  if (object.kind === 'SendingDomain')
    return { ...object, spec: { ...spec, dns: { mode: 'DNSEndpoint', apex: 'Manage' } } };
  if (object.kind === 'IPPool') return { ...object, spec: { ...spec, members: pool.members } };
  if (object.kind !== 'MTACluster') return object;
  const { ingress, workers } = spec as { readonly ingress: object; readonly workers: object };
  const pods = { resources: { requests: REQUESTS } };
  const more = { shards: SHARDS, ...cluster, limits, defaults: { retry: { firstSeconds: 5, maxSeconds: 10 } } };
  return { ...object, spec: { ...spec, ...more, ingress: { ...ingress, pods }, workers: { ...workers, pods } } };
}

/** By their weights, which are those of each pool: most mail by the first. */
export function poolOf(...sources: readonly { readonly address: string; readonly ehloName: string }[]): Ground['pool'] {
  const weights = sources.map((_, at) => (at === 0 ? 300 : 100));
  const all = weights.reduce((sum, it) => sum + it, 0);
  const members = sources.map((it, at) => ({
    name: `member-${at}`,
    address: it.address,
    ehloName: it.ehloName,
    weight: weights[at] ?? 0,
  }));
  const shares = members.map((it) => [`${it.address} ${it.ehloName}`, (100 * it.weight) / all] as const);
  return { members, shares: new Map(shares) };
}
