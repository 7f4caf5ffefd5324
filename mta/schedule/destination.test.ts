import { expect, test } from 'vitest';
import type { DestinationPolicy, Match } from '#crds/kinds/destination-policy.ts';
import { validate } from '#crds/validate.ts';
import { hours, minutes, seconds } from '#lib/run/clock.ts';
import { type Destination, Destinations, type Place, specificity } from './destination.ts';

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
  tlsMinVersion: 'TLSv1.2',
  onInDoubt: 'Retry',
} as const;

const at = (domain: string, ...hosts: readonly string[]): Place => ({ domain, hosts });
const table = (policies: readonly DestinationPolicy[], shipped: readonly DestinationPolicy[] = []): Destinations =>
  new Destinations(policies, DEFAULTS, new Map(shipped.map((it) => [it.spec.match.provider ?? '', it])));

/** The most connections under each name. */
const connections = ({ limits }: Destination): Record<string, number | undefined> =>
  Object.fromEntries(limits.map((it) => [it.name, it.connections]));

const GOOGLE = ['alt1.gmail-smtp-in.l.google.com', 'gmail-smtp-in.l.google.com'];

test.each<[Match, string, string[]]>([
  [{ domains: ['example.com'] }, 'itself only', ['example.com']],
  [{ domains: ['*.example.com'] }, 'names below it only', ['a.example.com', 'b.a.example.com']],
  [{ all: {} }, 'everything', ['example.com', 'a.example.com', 'b.a.example.com', 'badexample.com']],
  [{ mxSuffixes: ['example.com'] }, 'nothing whose hosts are unknown', []],
  [{ provider: 'google' }, 'nothing that is somewhere else', []],
])('%j matches %s', (match, _, want) => {
  const domains = ['example.com', 'a.example.com', 'b.a.example.com', 'badexample.com'];
  expect(domains.filter((it) => specificity(match, at(it)) > 0)).toEqual(want);
});

test.each<[Match, string, Place, boolean]>([
  [{ mxSuffixes: ['mx.test'] }, 'a host of that name', at('d.test', 'mx.test'), true],
  [{ mxSuffixes: ['mx.test'] }, 'hosts below it', at('d.test', 'a.mx.test', 'b.mx.test'), true],
  [{ mxSuffixes: ['mx.test'] }, 'not when one is elsewhere', at('d.test', 'a.mx.test', 'b.other.test'), false],
  [{ mxSuffixes: ['mx.test'] }, 'not a name that only ends so', at('d.test', 'badmx.test'), false],
  [{ mxSuffixes: ['a.test', 'b.test'] }, 'hosts below several of them', at('d.test', 'x.a.test', 'y.b.test'), true],
  [{ provider: 'google' }, 'a company’s domain hosted there', at('company.test', ...GOOGLE), true],
  [{ provider: 'google' }, 'not one with a host of its own beside', at('company.test', ...GOOGLE, 'mx.test'), false],
])('%j matches %s', (match, _, place, want) => {
  expect(specificity(match, place) > 0).toBe(want);
});

test('the most specific policy holds, whatever the order', () => {
  const policies = [
    policy('all', { match: { all: {} }, limits: { messagesPerConnection: 1 } }),
    policy('provider', { match: { provider: 'google' }, limits: { messagesPerConnection: 2 } }),
    policy('exchanger', { match: { mxSuffixes: ['google.com'] }, limits: { messagesPerConnection: 3 } }),
    policy('one', { match: { mxSuffixes: ['l.google.com'] }, limits: { messagesPerConnection: 4 } }),
    policy('below', { match: { domains: ['*.example.com'] }, limits: { messagesPerConnection: 5 } }),
    policy('deeper', { match: { domains: ['*.mail.example.com'] }, limits: { messagesPerConnection: 6 } }),
    policy('exact', { match: { domains: ['a.mail.example.com'] }, limits: { messagesPerConnection: 7 } }),
  ];
  for (const order of [policies, policies.toReversed()]) {
    const of = (place: Place) => table(order).of(place).messagesPerConnection;
    expect(of(at('other.test', 'mx.test'))).toBe(1);
    expect(of(at('gmail.com'))).toBe(2);
    expect(of(at('company.test', 'smtp.google.com'))).toBe(3);
    expect(of(at('company.test', ...GOOGLE))).toBe(4);
    expect(of(at('mail.example.com', ...GOOGLE))).toBe(5);
    expect(of(at('b.mail.example.com', ...GOOGLE))).toBe(6);
    expect(of(at('a.mail.example.com', ...GOOGLE))).toBe(7);
  }
});

test('among equals the older wins, then the name', () => {
  const of = (policies: readonly DestinationPolicy[]) => table(policies).of(at('x.test')).messagesPerConnection;
  const young = policy('a', { match: { all: {} }, limits: { messagesPerConnection: 1 } });
  const old = { ...young, metadata: { ...young.metadata, name: 'z', creationTimestamp: '2020-01-01T00:00:00Z' } };
  const young2 = { ...young, metadata: { ...young.metadata, creationTimestamp: '2021-01-01T00:00:00Z' } };
  const two = { ...young.spec, limits: { messagesPerConnection: 2 } };
  expect(of([young2, { ...old, spec: two }])).toBe(2);
  const named = { ...young, metadata: { ...young.metadata, name: 'b' }, spec: two };
  expect(of([named, young])).toBe(1);
});

test('domains whose mail goes to the same hosts are one site, whatever their rules', () => {
  const own = policy('own', { match: { domains: ['a.test'] }, limits: { connections: 3 } });
  const of = (domain: string, ...hosts: readonly string[]) => table([own]).of(at(domain, ...hosts));
  expect(of('a.test', 'mx1.test', 'mx2.test').site).toBe(of('b.test', 'mx1.test', 'mx2.test').site);
  expect(connections(of('a.test', 'mx.test'))).toEqual({ 'site mx.test': 3 });
  expect(connections(of('b.test', 'mx.test'))).toEqual({ 'site mx.test': 10 });
  expect(of('b.test', 'mx1.test', 'mx2.test').site).toMatch(/^mx1\.test\+1 [0-9a-f]{16}$/);
  expect(of('c.test').site).toBe('unknown hosts of c.test');
});

test('what is shipped for a provider holds over all its sites, and only where nothing else is said', () => {
  const shipped = policy('google', {
    match: { provider: 'google' },
    limits: { connections: 5, messagesPerConnection: 50 },
    tls: 'Required',
  });
  const company = at('company.test', ...GOOGLE);
  const plain = table([], [shipped]).of(company);
  expect(connections(plain)).toEqual({ [`site ${plain.site}`]: 10, 'provider google': 5 });
  expect(plain).toMatchObject({ provider: 'google', messagesPerConnection: 50, tls: 'Required' });
  const all = policy('all', { match: { all: {} }, limits: { connections: 2 }, tls: 'Opportunistic' });
  const own = table([all], [shipped]).of(company);
  expect(connections(own)).toEqual({ [`site ${own.site}`]: 2, 'provider google': 5 });
  expect(own).toMatchObject({ messagesPerConnection: 50, tls: 'Opportunistic' });
  const mine = policy('mine', { match: { provider: 'google' }, limits: { connections: 40 } });
  expect(connections(table([mine], [shipped]).of(company))).toMatchObject({ 'provider google': 40 });
});

test('a route is a site of its own for each policy that names it, and no provider’s', () => {
  const routes = [{ host: 'relay.test', port: 26 }];
  const shipped = policy('google', { match: { provider: 'google' }, limits: { connections: 5 } });
  const named = (name: string, domain: string) => policy(name, { match: { domains: [domain] }, routes });
  const destinations = table([named('a', 'a.test'), named('b', 'gmail.com')], [shipped]);
  expect(destinations.isRouted('a.test')).toBe(true);
  expect(destinations.isRouted('c.test')).toBe(false);
  const [one, other] = [destinations.of(at('a.test')), destinations.of(at('gmail.com', ...GOOGLE))];
  expect([one.site, other.site, other.provider]).toEqual(['relay.test:26', 'relay.test:26', undefined]);
  expect(one.ready).not.toBe(other.ready);
  expect(connections(other)).toEqual({ 'site relay.test:26': 10 });
});

test('a route for everything needs no DNS, unless a policy goes by hosts', () => {
  const all = policy('all', { match: { all: {} }, routes: [{ host: 'relay.test' }] });
  expect(table([all]).isRouted('a.test')).toBe(true);
  const google = policy('google', { match: { provider: 'google' } });
  expect(table([all, google]).isRouted('a.test')).toBe(false);
});

test('lanes of different encryption never share a connection', () => {
  const strict = policy('strict', { match: { domains: ['a.test'] }, tls: 'Required' });
  const stricter = policy('new', { match: { domains: ['b.test'] }, tls: 'Required', tlsMinVersion: 'TLSv1.3' });
  const of = (domain: string) => table([strict, stricter]).of(at(domain, 'mx.test'));
  expect(new Set(['a.test', 'b.test', 'c.test'].map((it) => of(it).site)).size).toBe(1);
  expect(new Set(['a.test', 'b.test', 'c.test'].map((it) => of(it).ready)).size).toBe(3);
  expect(of('b.test').tlsMinVersion).toBe('TLSv1.3');
});

test('what a policy does not say, the cluster does', () => {
  const own = policy('a', { match: { all: {} }, retry: { firstSeconds: 60 }, expireAfterSeconds: 3600 });
  expect(table([own]).of(at('x.test'))).toMatchObject({
    retry: { first: minutes(1), factor: 2, max: hours(4) },
    expireAfter: hours(1),
    tls: 'Opportunistic',
    tlsMinVersion: 'TLSv1.2',
    messagesPerConnection: 100,
  });
  expect(table([]).of(at('x.test')).expireAfter).toBe(seconds(259_200));
});
