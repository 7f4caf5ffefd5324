import { describe, expect, onTestFinished, test } from 'vitest';
import { type Sample, sample } from '#crds/sample.ts';
import { generateKey, loadKey } from '#lib/dkim/key.ts';
import type { Fields } from '#lib/run/log.ts';
import { metricsPage } from '#lib/run/metrics.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { FakeDns } from '../../test/harness/fake-dns.ts';
import { openTestStorage } from '../../test/harness/queue.ts';
import { until } from '../../test/harness/until.ts';
import { worldOf } from '../../test/harness/world.ts';
import { Domains } from './domains.ts';

const openQueue = openTestStorage();
const KEY = loadKey(await generateKey('Ed25519'), 's', 'example.com');
const THEIRS = loadKey(await generateKey('Ed25519'), 's', 'example.com');
const POOL = { name: 'out', namespace: 'default' };
const LOCAL = { name: 'local', namespace: 'default' };
const pool = (spec: object = {}): Sample =>
  sample('IPPool', { clusterRef: LOCAL, members: [{ name: 'one', address: '192.0.2.1' }], ...spec }, { name: 'out' });
const domain = (spec: object = {}): Sample => sample('SendingDomain', { poolRef: POOL, ...spec });

/** Keys by namespace; `default` has one unless a test says otherwise. */
const OWN_KEYS: Readonly<Record<string, typeof KEY>> = { default: KEY };

async function open(...documents: readonly Sample[]) {
  const clock = new FakeClock();
  const { database } = await openQueue(clock);
  await database.write([{ sql: 'DELETE FROM claim', params: [] }]);
  const dns = new FakeDns();
  const lines: (Fields & { level: string })[] = [];
  const say = (level: string) => (_: string, fields?: Fields) => void lines.push({ level, ...fields });
  let resources = worldOf(...documents);
  const domains = await Domains.open({
    database,
    clock,
    random: seededRandom(1),
    resolver: dns,
    resources: () => resources,
    keyring: () => ({
      signingKeys: (name, namespace = 'default') => (name === 'example.com' ? [OWN_KEYS[namespace] ?? THEIRS] : []),
      credential: () => undefined,
      returnPathKeys: () => [],
    }),
    log: { info: say('info'), warn: say('warn'), error: say('error'), flush: async () => undefined },
    hostname: 'mta.test',
  });
  onTestFinished(() => domains.close());
  const declare = (...changed: readonly Sample[]): void => {
    resources = worldOf(...changed);
    domains.declare();
  };
  return { domains, dns, clock, lines, declare, declared: () => resources };
}

const expected = async (...documents: readonly Sample[]): Promise<unknown> => {
  const { domains } = await open(...documents);
  const status = await domains.named('example.com', true);
  return status?.records.map((it) => `${it.name} ${it.expected.join('|')}`);
};

describe('what a domain needs', () => {
  test('comes from its keys, its pool and our name', async () => {
    expect(await expected(pool(), domain())).toEqual([
      `s._domainkey.example.com ${KEY.record}`,
      'bounce.example.com v=spf1 ip4:192.0.2.1 -all',
      'bounce.example.com 10 mta.test',
      '_dmarc.example.com v=DMARC1; p=none',
    ]);
  });

  test('is what is declared, where something is', async () => {
    const declared = domain({
      returnPathHost: 'r.example.com',
      dmarc: { minimumPolicy: 'reject', reportTo: ['d@example.com'] },
      dns: { apex: 'Manage' },
    });
    expect(await expected(pool({ spfName: 'spf.fleet.test' }), declared)).toEqual([
      `s._domainkey.example.com ${KEY.record}`,
      'r.example.com v=spf1 include:spf.fleet.test -all',
      'example.com v=spf1 include:spf.fleet.test -all',
      'r.example.com 10 mta.test',
      '_dmarc.example.com v=DMARC1; p=reject; rua=mailto:d@example.com',
    ]);
  });
});

test('a domain is proven by its key, and until then the record to publish is told', async () => {
  const { domains, dns, declared } = await open(pool(), domain());
  const [example] = declared().domains;
  expect(example && domains.proof(example)).toEqual({
    kind: 'unproven',
    publish: `TXT s._domainkey.example.com ${KEY.record}`,
  });
  dns.table = { 's._domainkey.example.com TXT': [KEY.record] };
  await domains.named('example.com', true);
  await domains.named('example.com', true);
  expect(example && domains.proof(example)).toEqual({ kind: 'proven' });
});

test('what the owner publishes proves the claim whose own key it is, and not an older one', async () => {
  const shared = pool({ namespaces: { from: 'All' } });
  const squatter = sample('SendingDomain', { poolRef: POOL }, { namespace: 'team' });
  const { domains, dns, clock, declare, declared } = await open(shared, squatter);
  clock.advance(1000);
  declare(shared, squatter, domain());
  dns.table = { 's._domainkey.example.com TXT': [KEY.record] };
  for (const one of declared().domains) await domains.status(`${one.metadata.namespace}/${one.metadata.name}`);
  for (let time = 0; time < 2; time += 1) await domains.named('example.com', true);
  const [first, second] = declared().domains.map((it) => `${it.metadata.namespace} ${domains.proof(it).kind}`);
  expect([first, second].toSorted((a = '', b = '') => a.localeCompare(b))).toEqual(['default proven', 'team unproven']);
  expect((await domains.named('example.com', false))?.resource).toBe('default/example.com');
});

test('a domain that is excused is proven, and DNS is asked when somebody wants to know', async () => {
  const { domains, dns, declared } = await open(pool(), domain({ verification: 'Skip' }));
  const [example] = declared().domains;
  expect(example && domains.proof(example)).toEqual({ kind: 'proven' });
  expect(dns.asked).toEqual([]);
  expect(await domains.status('default/example.com')).toMatchObject({
    standing: 'excused',
    checkedAt: expect.any(Number),
  });
  expect(await domains.named('other.test', false)).toBeUndefined();
});

test('a change of how a domain stands is one line of the log', async () => {
  const { domains, dns, lines } = await open(pool(), domain());
  await domains.named('example.com', true);
  await domains.named('example.com', true);
  expect(lines).toEqual([expect.objectContaining({ level: 'warn', domain: 'example.com', standing: 'unverified' })]);
  dns.table = { 's._domainkey.example.com TXT': [KEY.record] };
  await domains.named('example.com', true);
  expect(lines.at(-1)).toMatchObject({
    standing: 'verified',
    reason: 'Missing',
    message: 'TXT bounce.example.com: publish it',
  });
});

test('domains are counted by how they stand, and change with the resources', async () => {
  const { declare } = await open(
    pool(),
    domain(),
    sample('SendingDomain', { domain: 'b.test', verification: 'Skip', poolRef: POOL }, { name: 'b' }),
  );
  const page = async (): Promise<string> => (await metricsPage()).text;
  expect(await page()).toContain('postfleet_domains{standing="unverified"} 1\npostfleet_domains{standing="excused"} 1');
  declare(pool());
  await until('nothing is counted', async () => (await page()).includes('postfleet_domains{standing="unverified"} 0'));
});
