/**
 * DNS as it is found outside, by a real authority and a real validating resolver.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAuthorities } from '#lib/dns/authoritative.ts';
import { resolverOn } from '#lib/dns/resolver.ts';
import { parseServer } from '#lib/dns/server.ts';
import { openStub, type Stub } from '#lib/dns/stub.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { Authority, BROKEN } from '../harness/authority.ts';
import { openScene } from '../harness/scene.ts';
import { Unbound } from '../harness/unbound.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
const MAIL = '@ MX 10 mail\nmail A 192.0.2.1\nmail AAAA 2001:db8::1';
/** Sixty strings: no datagram has room for them. */
const LARGE = Array.from({ length: 60 }, (_, at) => `${at}`.padEnd(250, '.'));
const HUNDRED = Array.from({ length: 100 }, (_, at) => `@ MX ${at} mx${at}\nmx${at} A 192.0.2.${at}`).join('\n');

let authority: Authority;
let stub: Stub;
const stubs: Stub[] = [];

/** A stub with a cache of its own, that asks a resolver of its own with these trust anchors. */
async function stubWith(...trustAnchors: readonly string[]): Promise<Stub> {
  const unbound = await Unbound.start(scene, authority, { trustAnchors });
  return stubOn(unbound.server);
}

function stubOn(server: string): Stub {
  const opened = openStub({ clock: systemClock, random: systemRandom, servers: [parseServer(server)] });
  stubs.push(opened);
  return opened;
}

beforeAll(async () => {
  const zones = {
    'plain.test': MAIL,
    'signed.test': MAIL,
    'broken.test': BROKEN,
    'large.test': `@ TXT ${LARGE.map((it) => `"${it}"`).join(' ')}`,
    'hundred.test': HUNDRED,
    'null.test': '@ MX 0 .',
    'alias.test': 'www CNAME mail.plain.test.\na CNAME b\nb CNAME a\nself CNAME self\nlost CNAME gone.plain.test.',
    'short.test': '@ 2 TXT "first"',
  };
  authority = await Authority.start(scene, zones, { signed: ['signed.test'] });
  stub = await stubWith(await authority.trustAnchor('signed.test'));
});

afterAll(() => {
  for (const it of stubs) it.close();
});

test('C03: what the zone has, what it has not, and what nobody can say', async () => {
  const resolver = resolverOn(stub.lookUp);
  expect(await resolver.mx('plain.test')).toEqual({
    kind: 'found',
    records: [{ preference: 10, exchange: 'mail.plain.test' }],
  });
  expect(await resolver.addresses('mail.plain.test')).toEqual({
    kind: 'found',
    addresses: ['192.0.2.1', '2001:db8::1'],
  });
  expect(await resolver.mx('null.test')).toEqual({ kind: 'found', records: [{ preference: 0, exchange: '' }] });
  expect(await resolver.mx('mail.plain.test')).toEqual({ kind: 'none' });
  expect(await resolver.mx('nowhere.test')).toEqual({ kind: 'no-such-name' });
  expect(await resolver.mx('broken.test')).toEqual({ kind: 'temporary', reason: 'SERVFAIL' });
});

test('C02: aliases are followed to their end, to nowhere and not in circles', async () => {
  const resolver = resolverOn(stub.lookUp);
  expect(await resolver.addresses('www.alias.test')).toMatchObject({ addresses: ['192.0.2.1', '2001:db8::1'] });
  expect(await resolver.cname('www.alias.test')).toEqual({ kind: 'found', names: ['mail.plain.test'] });
  expect(await resolver.addresses('lost.alias.test')).toEqual({ kind: 'no-such-name' });
  expect(await resolver.addresses('a.alias.test')).toMatchObject({ kind: 'temporary' });
  expect(await resolver.addresses('self.alias.test')).toMatchObject({ kind: 'temporary' });
});

test('C02: what is too large for a datagram comes by TCP', async () => {
  const resolver = resolverOn(stub.lookUp);
  expect(await resolver.txt('large.test')).toEqual({ kind: 'found', texts: [LARGE.join('')] });
  const hundred = await resolver.mx('hundred.test');
  expect(hundred.kind === 'found' && hundred.records).toHaveLength(100);
});

test('an answer the resolver has validated is marked so, and only that', async () => {
  expect(await stub.lookUp({ name: 'signed.test', type: 'MX' })).toMatchObject({
    kind: 'found',
    isAuthenticated: true,
  });
  expect(await stub.lookUp({ name: 'gone.signed.test', type: 'A' })).toMatchObject({
    kind: 'no-such-name',
    isAuthenticated: true,
  });
  expect(await stub.lookUp({ name: 'plain.test', type: 'MX' })).toMatchObject({
    kind: 'found',
    isAuthenticated: false,
  });
});

test('C04: an answer signed with another key is no answer', async () => {
  const anchor = await authority.trustAnchor('signed.test');
  const misled = await stubWith(anchor.replace(/[0-9a-f]{8}$/i, '00000000'));
  expect(await misled.lookUp({ name: 'signed.test', type: 'MX' })).toEqual({ kind: 'temporary', reason: 'SERVFAIL' });
});

test('an answer is kept for its TTL and no longer', async () => {
  const near = resolverOn(stubOn(authority.server).lookUp);
  const [short, plain] = [await near.txt('short.test'), await near.mx('plain.test')];
  expect(short).toEqual({ kind: 'found', texts: ['first'] });
  await authority.publish({ 'short.test': '@ 2 TXT "second"', 'plain.test': '@ MX 20 other' });
  expect(await near.mx('plain.test')).toEqual(plain);
  const begun = performance.now();
  await until('the second text', async () => JSON.stringify(await near.txt('short.test')).includes('second'));
  expect(performance.now() - begun).toBeLessThan(3000);
  expect(await resolverOn(stubOn(authority.server).lookUp).mx('plain.test')).toMatchObject({
    records: [{ preference: 20 }],
  });
});

test('nobody there is a failure that passes, at once', async () => {
  const gone = await Authority.start(scene, {});
  const { lookUp } = stubOn(gone.server);
  await gone.kill();
  expect(await lookUp({ name: 'plain.test', type: 'MX' })).toEqual({ kind: 'temporary', reason: 'ECONNREFUSED' });
});

test('the servers of a zone are asked themselves, and one that lags behind is heard', async () => {
  const zone = (text: string): string => `@ NS ns1\n@ NS ns2\nns1 A 127.0.0.1\nns2 A 127.0.0.2\n_key TXT "${text}"`;
  const first = await Authority.start(scene, { 'two.test': zone('old') });
  const second = await Authority.start(scene, { 'two.test': zone('old') }, { address: '127.0.0.2', port: first.port });
  const unbound = await Unbound.start(scene, first);
  const { lookUp } = stubOn(unbound.server);
  const common = { clock: systemClock, random: systemRandom, lookUp, allowPrivate: ['127.0.0.0/8'], port: first.port };
  const [every, some] = (['every', 'some'] as const).map((agreement) => openAuthorities({ ...common, agreement }));
  stubs.push(...[every, some].filter((it) => it !== undefined));
  const ask = async (whom?: Stub) => (whom ? resolverOn(whom.lookUp).txt('_key.two.test') : undefined);

  expect(await ask(every)).toEqual({ kind: 'found', texts: ['old'] });
  await first.publish({ 'two.test': zone('new') });
  expect(await ask(every)).toEqual({ kind: 'none' });
  expect(await ask(some)).toMatchObject({ kind: 'found', texts: expect.arrayContaining(['old', 'new']) });
  await second.publish({ 'two.test': zone('new') });
  expect(await ask(every)).toEqual({ kind: 'found', texts: ['new'] });
  await second.kill();
  expect(await ask(every)).toEqual({ kind: 'found', texts: ['new'] });
  await first.kill();
  expect(await ask(every)).toMatchObject({ kind: 'temporary' });
});
