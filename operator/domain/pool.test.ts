import { expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import type { Kind } from '#crds/kinds.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { resourceIn } from '../typed.ts';
import { isExcused, routeOf } from './pool.ts';

const made = <K extends Kind>(kind: K, namespace: string, spec: object) => {
  const found = resourceIn(sample(kind, spec, { namespace }) as unknown as KubeObject, kind);
  if (!found) throw new Error(`${kind} is not valid`);
  return found;
};

interface World {
  readonly domain?: string;
  readonly poolGrants?: object;
  readonly clusterGrants?: object;
  readonly isWithout?: 'pool' | 'cluster';
  readonly isTaken?: boolean;
}

const ALL = { from: 'All' };
/** Namespaces have the label `team`, which is their name. */
const labels = (namespace: string) => ({ team: namespace });
const TEAM = { from: 'Selector', selector: { matchLabels: { team: 'shop' } } };
const SHOP = { from: 'Selector', selector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } } };

function answer({ domain = 'mail', poolGrants = {}, clusterGrants = {}, isWithout, isTaken = false }: World): string {
  const pool = made('IPPool', 'pools', { clusterRef: { name: 'local', namespace: 'mta' }, namespaces: poolGrants });
  const cluster = made('MTACluster', 'mta', { namespaces: clusterGrants });
  const targets = {
    pool: (key: string) => (key === 'pools/main' && isWithout !== 'pool' ? pool : undefined),
    cluster: (key: string) => (key === 'mta/local' && isWithout !== 'cluster' ? cluster : undefined),
    claim: (namespace: string) => (isTaken ? `${namespace}/older` : `${namespace}/example.com`),
    labels,
  };
  const route = routeOf(made('SendingDomain', domain, { poolRef: { name: 'main', namespace: 'pools' } }), targets);
  return route.kind === 'granted' ? 'granted' : route.reason;
}

test.each<[world: World, answer: string]>([
  [{ poolGrants: ALL, clusterGrants: ALL }, 'granted'],
  [{ poolGrants: ALL, clusterGrants: ALL, isTaken: true }, 'DomainTaken'],
  [{ clusterGrants: ALL }, 'PoolRefused'],
  [{ clusterGrants: ALL, domain: 'pools' }, 'granted'],
  [{ poolGrants: SHOP, clusterGrants: ALL }, 'PoolRefused'],
  [{ poolGrants: SHOP, clusterGrants: ALL, domain: 'shop' }, 'granted'],
  [{ poolGrants: TEAM, clusterGrants: ALL }, 'PoolRefused'],
  [{ poolGrants: TEAM, clusterGrants: ALL, domain: 'shop' }, 'granted'],
  [{ poolGrants: ALL }, 'ClusterRefused'],
  [{ poolGrants: ALL, clusterGrants: ALL, isWithout: 'pool' }, 'PoolMissing'],
  [{ poolGrants: ALL, clusterGrants: ALL, isWithout: 'cluster' }, 'ClusterMissing'],
])('in %j a domain is %s', (world, expected) => {
  expect(answer(world)).toBe(expected);
});

test.each<[verification: string, skipVerification: object, is: boolean]>([
  ['Required', { from: 'Selector', selector: SHOP.selector }, false],
  ['Skip', { from: 'None' }, false],
  ['Skip', { from: 'Selector', selector: SHOP.selector }, true],
  ['Skip', { from: 'Selector', selector: { matchLabels: { team: 'mail' } } }, false],
  ['Skip', TEAM, true],
])('verification %s with the grant %j excuses: %s', (verification, skipVerification, is) => {
  const cluster = made('MTACluster', 'mta', { tenants: { skipVerification } });
  expect(isExcused(made('SendingDomain', 'shop', { verification }), cluster, { labels })).toBe(is);
});
