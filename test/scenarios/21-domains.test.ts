/**
 * A domain that must prove itself: refused until its key is in DNS, told what to publish and what is wrong, and never
 * stopped by DNS that is silent. A real authority and a real resolver.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { txtStrings } from '#lib/dkim/record.ts';
import { openAuthorities } from '#lib/dns/authoritative.ts';
import { resolverOn } from '#lib/dns/resolver.ts';
import { parseServer } from '#lib/dns/server.ts';
import { openStub } from '#lib/dns/stub.ts';
import { checkDomain } from '#lib/domain/check.ts';
import type { DomainNeeds, RecordReport } from '#lib/domain/records.ts';
import type { DomainStatus } from '#lib/domain/status.ts';
import { systemClock as clock } from '#lib/run/clock.ts';
import { systemRandom as random } from '#lib/run/random.ts';
import { Authority } from '../harness/authority.ts';
import { ConfigFolder } from '../harness/config.ts';
import { LAUNCHER, Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { Unbound } from '../harness/unbound.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
let authority: Authority;
let unbound: Unbound;
let fleet: Postfleet;

/** Nothing is kept by the resolver, so that what is published is seen at once. */
const FORGETFUL = ['cache-max-ttl: 0', 'cache-max-negative-ttl: 0'];

async function domain(...flags: string[]): Promise<DomainStatus> {
  const args = ['domain', 'example.com', '--data', fleet.data, '--json', ...flags];
  return JSON.parse((await promisify(execFile)(LAUNCHER, args)).stdout) as DomainStatus;
}

async function sent(): Promise<string> {
  const client = await SmtpClient.open(fleet.ports.submission);
  await client.startTls();
  await client.say(`AUTH PLAIN ${Buffer.from(`\0${fleet.username}\0${fleet.password}`).toString('base64')}`);
  const said = await client.send(
    'hello@example.com',
    ['you@demo.test'],
    plainMessage('hello@example.com', 'you@demo.test'),
  );
  client.close();
  return said;
}

async function api(path: string, init: RequestInit = {}): Promise<{ status: number; said: Record<string, unknown> }> {
  const token = readFileSync(join(fleet.data, 'secrets', fleet.username, 'token'), 'utf8').trim();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const response = await fetch(`http://127.0.0.1:${fleet.ports.api}${path}`, { ...init, headers });
  return { status: response.status, said: (await response.json()) as Record<string, unknown> };
}

/** A record as it is expected, in a zone file; it may be kept for a second. */
const zoneLine = ({ name, type, expected: [value = ''] }: RecordReport): string =>
  `${name}. 1 ${type} ${
    type === 'TXT'
      ? txtStrings(value)
          .map((it) => JSON.stringify(it))
          .join(' ')
      : `${value}.`
  }`;

const states = ({ records }: DomainStatus): string[] => records.map((it) => `${it.purpose} ${it.state}`);

beforeAll(async () => {
  authority = await Authority.start(scene, { 'example.com': '' });
  unbound = await Unbound.start(scene, authority, { server: FORGETFUL });
  const config = await ConfigFolder.from(scene, 'standalone', {
    MTACluster: { spec: { dns: { resolvers: [unbound.server] } } },
    IPPool: { spec: { spfName: 'spf.fleet.test' } },
    SendingDomain: { spec: { verification: 'Required' } },
  });
  fleet = await Postfleet.start(scene, config);
});

test('what is not verified is refused, by SMTP and HTTP, with the record to publish', async () => {
  const said = await sent();
  expect(said).toMatch(/^550-5\.7\.1 SendingDomain example\.com is not verified in DNS:\n/);
  expect(said).toMatch(/\n550-5\.7\.1 publish TXT pf\d{8}[er]\._domainkey\.example\.com v=DKIM1; k=/);
  expect(said).toMatch(/\n550 5\.7\.1 see: postfleet domain example\.com$/);
  expect(said.split('\n').every((line) => line.length < 510)).toBe(true);
  const message = { from: { address: 'hello@example.com' }, to: [{ address: 'you@demo.test' }], text: 'Hello.' };
  const { status, said: problem } = await api('/v1/messages', { method: 'POST', body: JSON.stringify(message) });
  expect(status).toBe(403);
  expect(problem['detail']).toMatch(/publish TXT pf\d{8}[er]\._domainkey\.example\.com v=DKIM1/);
});

let published: readonly RecordReport[] = [];

test('the records to publish are told whole, and publishing them is enough', async () => {
  const before = await domain('--check');
  expect(before).toMatchObject({ standing: 'unverified' });
  expect(states(before)).toEqual([
    'DKIM Missing',
    'DKIM Missing',
    'SPF Missing',
    'ReturnPath Missing',
    'DMARC Missing',
  ]);
  published = before.records;
  await authority.publish({ 'example.com': published.map(zoneLine).join('\n') });
  const after = await until('everything seen', async () => {
    const now = await domain('--check');
    return now.conditions[0]?.status === 'True' ? now : undefined;
  });
  expect(after).toMatchObject({ standing: 'verified' });
  expect(await sent()).toMatch(/^250 /);
  expect(await fleet.metric('postfleet_domains', 'standing="verified"')).toBe(1);
  await until('a line of the log', () => fleet.log().find((it) => it['standing'] === 'verified'));
});

test('a tenant is told the same of its own domain, and nothing of others', async () => {
  const { status, said } = await api('/v1/domains/example.com');
  expect(status).toBe(200);
  expect(said).toMatchObject({
    domain: 'example.com',
    standing: 'verified',
    records: published.map(({ name }) => ({ name })),
  });
  expect((await api('/v1/domains/other.test')).status).toBe(404);
});

test('mistakes are named, and a verified domain goes on sending', async () => {
  const [first, second] = published;
  const [one = '', other = ''] = [first?.expected[0], second?.expected[0]];
  const lines = [
    `${first?.name}. 1 TXT "\\"${one.slice(0, 200)}" "${one.slice(200)}\\""`,
    `${second?.name}.example.com. 1 TXT ${txtStrings(other)
      .map((it) => JSON.stringify(it))
      .join(' ')}`,
    'bounce 1 TXT "v=spf1 -all"\nbounce 1 TXT "v=spf1 include:spf.fleet.test -all"\nbounce 1 MX 0 .',
  ];
  await authority.publish({ 'example.com': lines.join('\n') });
  const now = await until('all of them seen', async () => {
    const status = await domain('--check');
    return status.records.some((it) => it.state === 'Present') ? undefined : status;
  });
  expect(now.standing).toBe('verified');
  expect(now.records.map((it) => it.difference)).toEqual([
    'quotes are published as part of the value',
    `it is published at ${second?.name}.example.com: the zone was appended to the whole name`,
    'bounce.example.com has 2 SPF records, receivers allow one',
    'a null MX says that it takes no mail: receivers refuse such senders',
    'publish it',
  ]);
  expect(await sent()).toMatch(/^250 /);
});

test('its own servers are believed before a resolver that remembers otherwise', async () => {
  const forgetless = await Unbound.start(scene, authority);
  const stub = openStub({ clock, random, servers: [parseServer(forgetless.server)] });
  const { lookUp } = stub;
  const asked = {
    clock,
    random,
    lookUp,
    agreement: 'every',
    allowPrivate: ['127.0.0.0/8'],
    port: authority.port,
  } as const;
  const authorities = openAuthorities(asked);
  const [key] = published;
  const needs: DomainNeeds = {
    domain: 'example.com',
    keys: [{ selector: key?.name.split('.')[0] ?? '', record: key?.expected[0] ?? '' }],
    returnPathHost: 'bounce.example.com',
    bounceHost: 'mta.test',
    pool: { spfName: 'spf.fleet.test', addresses: [] },
    apexSpf: false,
    dmarc: { minimumPolicy: 'none', reportTo: [] },
  };
  await authority.publish({ 'example.com': '' });
  expect((await checkDomain(needs, resolverOn(lookUp))).proof).toBe('absent');
  await authority.publish({ 'example.com': published.map(zoneLine).join('\n') });
  expect((await checkDomain(needs, resolverOn(lookUp))).proof).toBe('absent');
  expect((await checkDomain(needs, resolverOn(authorities.lookUp))).proof).toBe('seen');
  authorities.close();
  stub.close();
});

test('nothing of this needs DNS again: it sends after a restart while nobody answers', async () => {
  await fleet.stop();
  await authority.kill();
  await unbound.program.kill();
  fleet = await Postfleet.start(scene, fleet.config, { data: fleet.data });
  expect(await sent()).toMatch(/^250 /);
  expect(await domain()).toMatchObject({ standing: 'verified' });
});
