import { expect, test } from 'vitest';
import type { DestinationPolicy, Match } from '#crds/kinds/destination-policy.ts';
import { validate } from '#crds/validate.ts';
import { hours, minutes, seconds } from '#lib/run/clock.ts';
import { Destinations, specificity } from './destination.ts';

function policy(name: string, spec: object): DestinationPolicy {
  const validation = validate({
    apiVersion: 'postfleet.io/v1alpha1',
    kind: 'DestinationPolicy',
    metadata: { name },
    spec: { clusterRef: { name: 'local' }, ...spec },
  });
  if (validation.kind !== 'valid' || validation.resource.kind !== 'DestinationPolicy') throw new Error('not a policy');
  return validation.resource;
}

const DEFAULTS = {
  expireAfterSeconds: 259_200,
  retry: { firstSeconds: 900, factor: 2, maxSeconds: 14_400 },
  tls: 'Opportunistic',
  onInDoubt: 'Retry',
} as const;

test.each<[Match, string, string[]]>([
  [{ domains: ['example.com'] }, 'itself only', ['example.com']],
  [{ domains: ['*.example.com'] }, 'names below it only', ['a.example.com', 'b.a.example.com']],
  [{ all: {} }, 'everything', ['example.com', 'a.example.com', 'b.a.example.com', 'badexample.com']],
  [{ mxSuffixes: ['example.com'] }, 'nothing before DNS is asked', []],
])('%j matches %s', (match, _, want) => {
  const domains = ['example.com', 'a.example.com', 'b.a.example.com', 'badexample.com'];
  expect(domains.filter((it) => specificity(match, it) > 0)).toEqual(want);
});

test('the most specific policy holds, whatever the order', () => {
  const policies = [
    policy('all', { match: { all: {} }, limits: { connections: 1 } }),
    policy('below', { match: { domains: ['*.example.com'] }, limits: { connections: 2 } }),
    policy('deeper', { match: { domains: ['*.mail.example.com'] }, limits: { connections: 3 } }),
    policy('exact', { match: { domains: ['a.mail.example.com'] }, limits: { connections: 4 } }),
  ];
  for (const order of [policies, policies.toReversed()]) {
    const table = new Destinations(order, DEFAULTS);
    const connections = (domain: string) => table.of(domain).connections;
    expect(connections('other.test')).toBe(1);
    expect(connections('mail.example.com')).toBe(2);
    expect(connections('b.mail.example.com')).toBe(3);
    expect(connections('a.mail.example.com')).toBe(4);
  }
});

test('among equals the older wins, then the name', () => {
  const young = policy('a', { match: { all: {} }, limits: { connections: 1 } });
  const old = { ...young, metadata: { ...young.metadata, name: 'z', creationTimestamp: '2020-01-01T00:00:00Z' } };
  const young2 = { ...young, metadata: { ...young.metadata, creationTimestamp: '2021-01-01T00:00:00Z' } };
  const two = { ...young.spec, limits: { connections: 2 } };
  expect(new Destinations([young2, { ...old, spec: two }], DEFAULTS).of('x.test').connections).toBe(2);
  const named = { ...young, metadata: { ...young.metadata, name: 'b' }, spec: two };
  expect(new Destinations([named, young], DEFAULTS).of('x.test').connections).toBe(1);
});

test("what a policy leaves out comes from the cluster's defaults", () => {
  const table = new Destinations(
    [policy('p', { match: { domains: ['x.test'] }, retry: { maxSeconds: 1800 } })],
    DEFAULTS,
  );
  expect(table.of('x.test')).toEqual({
    site: 'x.test tls=Opportunistic',
    connections: 10,
    messagesPerConnection: 100,
    routes: [],
    tls: 'Opportunistic',
    retry: { first: minutes(15), factor: 2, max: minutes(30) },
    expireAfter: hours(72),
  });
});

test('what shapes a connection separates sites, even on the same route', () => {
  const routes = [{ host: 'relay.example.net' }];
  const table = new Destinations(
    [
      policy('open', { match: { domains: ['open.test', 'plain.test'] }, routes, tls: 'None' }),
      policy('secret', { match: { domains: ['secret.test'] }, routes, tls: 'Required' }),
    ],
    DEFAULTS,
  );
  expect(table.of('open.test').site).toBe(table.of('plain.test').site);
  expect(table.of('open.test').site).not.toBe(table.of('secret.test').site);
});

test('domains with the same route share a site', () => {
  const routes = [{ host: 'relay.example.net', port: 2525 }, { host: '192.0.2.1' }];
  const table = new Destinations([policy('p', { match: { all: {} }, routes, expireAfterSeconds: 60 })], DEFAULTS);
  expect(table.of('a.test').site).toBe('relay.example.net:2525,192.0.2.1:25 by default/p tls=Opportunistic');
  expect(table.of('b.test').site).toBe(table.of('a.test').site);
  expect(table.of('a.test').expireAfter).toBe(seconds(60));
});

test("what a provider is known to take fills in what a user's own policy leaves out, unless mail is routed elsewhere", () => {
  const google = policy('google', {
    match: { provider: 'google' },
    limits: { connections: 5, messagesPerConnection: 50 },
    tls: 'Required',
  });
  const limitsOf = (domain: string, ...own: DestinationPolicy[]) => {
    const { connections, messagesPerConnection, tls } = new Destinations(
      own,
      DEFAULTS,
      new Map([['google', google]]),
    ).of(domain);
    return [connections, messagesPerConnection, tls];
  };
  const all = { match: { all: {} }, limits: { connections: 7 } };
  expect(limitsOf('gmail.com')).toEqual([5, 50, 'Required']);
  expect(limitsOf('example.com')).toEqual([10, 100, 'Opportunistic']);
  expect(limitsOf('gmail.com', policy('mine', all))).toEqual([7, 50, 'Required']);
  const routes = [{ host: 'relay.example.net' }];
  expect(limitsOf('gmail.com', policy('mine', { ...all, routes }))).toEqual([7, 100, 'Opportunistic']);
});

test('a policy for a provider holds for its domains, before one for all', () => {
  const table = new Destinations(
    [
      policy('all', { match: { all: {} }, limits: { connections: 1 } }),
      policy('google', { match: { provider: 'google' }, limits: { connections: 2 } }),
      policy('below', { match: { domains: ['googlemail.com'] }, limits: { connections: 3 } }),
    ],
    DEFAULTS,
  );
  expect(['gmail.com', 'googlemail.com', 'example.com'].map((it) => table.of(it).connections)).toEqual([2, 3, 1]);
});
