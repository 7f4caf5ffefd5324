import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../test/harness/until.ts';
import { type Clock, seconds, systemClock } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { type Agreement, openAuthorities } from './authoritative.ts';
import { a, cname, FakeNameServer, NXDOMAIN, SERVFAIL, txt, type Zone } from './fake-name-server.ts';
import type { LookUp } from './lookup.ts';
import type { Question } from './message.ts';
import { resolverContract } from './resolver.contract.ts';
import { resolverOn } from './resolver.ts';

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const it of opened.splice(0)) it.close();
});

/** What resolvers know: `NS zone` → names, `A name` → addresses, `alias name` → what NS of an alias leads to. */
type Known = Readonly<Record<string, readonly string[]>>;

/** A recursive resolver that knows this and nothing else. */
function knowing(known: Known): LookUp & { readonly asked: string[] } {
  const asked: string[] = [];
  const lookUp = async ({ name, type }: Question) => {
    asked.push(`${type} ${name}`);
    const data = known[`${type} ${name}`];
    if (!data) return { kind: 'none', ttl: 0, isAuthenticated: false } as const;
    const owner = known[`alias ${name}`]?.[0] ?? name;
    const records = data.map((it) => ({ name: owner, type, ttl: 0, data: it, preference: 0 }));
    return { kind: 'found', records, ttl: 0, isAuthenticated: false, bytes: 100 } as const;
  };
  return Object.assign(lookUp, { asked });
}

interface World {
  /** What each server of the zone says; on 127.0.0.1, 127.0.0.2, … */
  readonly servers: readonly Zone[];
  readonly known?: Known;
  readonly agreement?: Agreement;
  readonly allowPrivate?: readonly string[];
  readonly clock?: Clock;
}

async function authorities(world: World) {
  const { agreement = 'every', allowPrivate = ['127.0.0.0/8'], clock = systemClock } = world;
  const servers: FakeNameServer[] = [];
  for (const [at, zone] of world.servers.entries())
    servers.push(await FakeNameServer.listen(zone, `127.0.0.${at + 1}`, servers[0]?.server.port ?? 0));
  const names = servers.map((_, at) => `ns${at + 1}.example.net`);
  const addresses = Object.fromEntries(names.map((name, at) => [`A ${name}`, [`127.0.0.${at + 1}`]]));
  const stub = knowing({ 'NS example.net': names, ...addresses, ...world.known });
  const port = servers[0]?.server.port ?? 0;
  const asker = openAuthorities({ clock, random: systemRandom, lookUp: stub, agreement, allowPrivate, port });
  opened.push(...servers, asker);
  const resolver = resolverOn(asker.lookUp);
  return {
    mx: async (name: string) => resolver.mx(name),
    addresses: async (name: string) => resolver.addresses(name),
    txt: async (name: string) => resolver.txt(name),
    cname: async (name: string) => resolver.cname(name),
    servers,
    stub,
  };
}

resolverContract('authoritative', (zone) => authorities({ servers: [zone] }));

/** A zone with these TXT records at every name. */
const says =
  (...texts: readonly string[]): Zone =>
  ({ name }) => ({ aa: true, answers: texts.map((it) => txt(name, it)) });
const saysNothing: Zone = () => ({ aa: true });
const saysNoSuchName: Zone = () => ({ aa: true, rcode: NXDOMAIN });
const isLame: Zone = ({ name }) => ({ answers: [txt(name, 'cached')] });
const fails: Zone = () => ({ rcode: SERVFAIL });

describe('the servers of a zone', () => {
  test.each<[string, readonly Zone[], unknown, unknown]>([
    ['say the same', [says('key'), says('key')], ['key'], ['key']],
    ['have not all got the news', [says('key'), saysNothing], 'none', ['key']],
    ['have not all got the name', [says('key'), saysNoSuchName], 'none', ['key']],
    ['differ in part', [says('key', 'new'), says('key', 'old')], ['key'], ['key', 'new', 'old']],
    ['have nothing in common', [says('new'), says('old')], 'none', ['new', 'old']],
    ['have nothing', [saysNothing, saysNothing], 'none', 'none'],
    ['deny the name', [saysNoSuchName, saysNoSuchName], 'no-such-name', 'no-such-name'],
    ['know the name or deny it', [saysNoSuchName, saysNothing], 'none', 'none'],
    ['are lame in part', [isLame, says('key')], ['key'], ['key']],
    ['are all lame', [isLame, isLame], 'temporary', 'temporary'],
    ['fail in part', [fails, says('key')], ['key'], ['key']],
    ['fail', [fails, fails], 'temporary', 'temporary'],
    ['fail or deny', [fails, saysNothing], 'none', 'none'],
  ])('%s', async (_, servers, every, some) => {
    const summary = async (agreement: Agreement): Promise<unknown> => {
      const answer = await (await authorities({ servers, agreement })).txt('_key.example.net');
      return answer.kind === 'found' ? answer.texts.toSorted() : answer.kind;
    };
    expect([await summary('every'), await summary('some')]).toEqual([every, some]);
  });

  test('are found from the name upwards, and asked without recursion', async () => {
    const { txt: ask, stub, servers } = await authorities({ servers: [says('key')] });
    await ask('pf1._domainkey.example.net');
    const [asked] = servers[0]?.asked ?? [];
    expect(asked).toMatchObject({ name: 'pf1._domainkey.example.net', isRecursive: false });
    expect(stub.asked.filter((it) => it.startsWith('NS'))).toEqual([
      'NS pf1._domainkey.example.net',
      'NS _domainkey.example.net',
      'NS example.net',
    ]);
  });

  test('are not those of what a name is an alias of', async () => {
    const { txt: ask } = await authorities({
      servers: [says('own')],
      known: { 'NS click.example.net': ['ns.evil.test'], 'alias click.example.net': ['evil.test'] },
    });
    expect(await ask('click.example.net')).toEqual({ kind: 'found', texts: ['own'] });
  });

  test('C01: are not asked in private networks', async () => {
    const { txt: ask, servers } = await authorities({ servers: [says('key')], allowPrivate: [] });
    expect(await ask('example.net')).toMatchObject({ kind: 'temporary', reason: expect.stringContaining('address') });
    expect(servers[0]?.asked).toEqual([]);
  });

  test('C02: are asked in part when they are many', async () => {
    const names = Array.from({ length: 500 }, (_, at) => `many${at}.example.net`);
    const known = Object.fromEntries(names.map((name) => [`A ${name}`, ['127.0.0.1', '127.0.0.1', '127.0.0.1']]));
    const { txt: ask, servers } = await authorities({
      servers: [says('key')],
      known: { 'NS example.net': names, ...known },
    });
    expect(await ask('example.net')).toMatchObject({ kind: 'found' });
    expect(servers[0]?.asked).toHaveLength(13);
  });

  test('nobody knows', async () => {
    const { txt: ask } = await authorities({ servers: [] });
    expect(await ask('elsewhere.test')).toMatchObject({ kind: 'temporary' });
  });

  test('are given up when they stay silent', async () => {
    const clock = new FakeClock();
    const { txt: ask, servers } = await authorities({ servers: [() => undefined], clock });
    const answer = ask('example.net');
    await until('a question', () => servers[0]?.asked.length === 1);
    clock.advance(seconds(3));
    expect(await answer).toEqual({ kind: 'temporary', reason: 'ns1.example.net: timeout' });
    expect(clock.timers).toBe(0);
  });
});

describe('an alias', () => {
  const to =
    (target: string): Zone =>
    ({ name }) => ({ aa: true, answers: [cname(name, target), txt(target, 'not theirs to say')] });
  const elsewhere = { 'NS example.org': ['ns.example.org'], 'A ns.example.org': ['127.0.0.2'] };

  test('is followed to the servers of its end', async () => {
    const { txt: ask } = await authorities({
      servers: [to('key.example.org'), says('theirs')],
      known: { 'NS example.net': ['ns1.example.net'], ...elsewhere },
    });
    expect(await ask('pf1.example.net')).toEqual({ kind: 'found', texts: ['theirs'] });
  });

  test.each<[string, readonly Zone[], unknown, unknown]>([
    ['that not all have', [to('example.org'), says('key')], 'temporary', 'temporary'],
    ['that leads elsewhere', [to('a.test'), to('b.test')], 'temporary', 'temporary'],
    ['of itself', [to('pf1.example.net'), to('pf1.example.net')], 'temporary', 'temporary'],
  ])('%s leads nowhere', async (_, servers, every, some) => {
    const kind = async (agreement: Agreement) =>
      (await (await authorities({ servers, agreement })).txt('pf1.example.net')).kind;
    expect([await kind('every'), await kind('some')]).toEqual([every, some]);
  });

  test('C02: one after the other ends', async () => {
    const next = (name: string): string => `c${Number(/^c(\d+)/.exec(name)?.[1] ?? 0) + 1}.example.net`;
    const { addresses, servers } = await authorities({
      servers: [({ name }) => ({ aa: true, answers: [cname(name, next(name))] })],
    });
    expect(await addresses('c0.example.net')).toMatchObject({ kind: 'temporary' });
    expect(servers[0]?.asked.length).toBeLessThanOrEqual(20);
  });

  test('is an answer when it is asked for', async () => {
    const { cname: ask } = await authorities({ servers: [to('track.example.org')] });
    expect(await ask('click.example.net')).toEqual({ kind: 'found', names: ['track.example.org'] });
  });
});

test('one family of addresses is enough for a host', async () => {
  const { addresses } = await authorities({
    servers: [({ name, type }) => ({ aa: true, answers: type === 'A' ? [a(name, '192.0.2.1')] : [] })],
  });
  expect(await addresses('mail.example.net')).toEqual({ kind: 'found', addresses: ['192.0.2.1'] });
});
