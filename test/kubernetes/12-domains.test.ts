/**
 * The keys of a domain from the first to the second, on a real API server and with DNS that a test publishes by hand, as people do.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateKey } from '#lib/dkim/key.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { typeOfKind } from '#crds/definition.ts';
import { ENDPOINTS, SECRETS } from '#operator/types.ts';
import { DEFINITIONS } from '../harness/definitions.ts';
import { EXTERNAL_DNS } from '../harness/external-dns.ts';
import { filesIn, keyringSecrets, reportKeyring, wholeKeyring } from '../harness/keyring-pods.ts';
import { Operated } from '../harness/operated.ts';
import { startOperatorAsking } from '../harness/operated-scene.ts';
import type { OperatorProcess } from '../harness/operator.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';
import { type DomainStatus, statusOf, Zone } from '../harness/zone.ts';

const stage = openScene();
let site: Operated;
let zone: Zone;
let operator: OperatorProcess;

const members = [{ name: 'one', address: '192.0.2.1', egress: 'Local' }];

beforeAll(async () => {
  [site, zone] = [await Operated.start(stage), await Zone.serve()];
  for (const namespace of ['mail', 'other']) await site.namespace(namespace);
  await site.declare('MTACluster', 'mail/main', { queue: { nats: { servers: ['nats://nats:4222'] } } });
  await site.declare('IPPool', 'mail/main', { clusterRef: { name: 'main' }, members });
  operator = await startOperator();
}, 120_000);
afterAll(() => {
  site.close();
  zone.close();
});

const startOperator = (): Promise<OperatorProcess> => startOperatorAsking(stage, site, zone);

const SPEC = { domain: 'example.com', poolRef: { name: 'main' } };
let asked = 0;
/** Lets the operator look at DNS now. */
const look = (more: Record<string, string> = {}): Promise<void> =>
  site.declare('SendingDomain', 'mail/example', SPEC, { 'postfleet.io/reconcile-at': String((asked += 1)), ...more });

/** Resolves when the operator has looked at the domain, and at the keyring, from here on. */
async function looked(more: Record<string, string> = {}): Promise<void> {
  const [domains, keyrings] = [await operator.looks('sendingdomain'), await operator.looks('keyring')];
  await look(more);
  const isDone = async (): Promise<boolean> =>
    (await operator.looks('sendingdomain')) > domains && (await operator.looks('keyring')) > keyrings;
  await until('domain and keyring were looked at', isDone, 30_000);
}

/** Lets it look again and again: a look that is under way may not have seen what was just published. */
async function seen(sentence: string, holds: () => Promise<boolean>, more: Record<string, string> = {}): Promise<void> {
  const askAndSee = async (): Promise<boolean> => {
    await looked(more);
    return holds();
  };
  await until(sentence, async () => (await holds()) || (await askAndSee()), 40_000);
}

const status = async (namespace = 'mail'): Promise<DomainStatus> =>
  statusOf(await site.object('SendingDomain', `${namespace}/example`));
const phases = async (): Promise<string[]> => ((await status()).keys ?? []).map(({ phase }) => phase).toSorted();
const condition = async (type: string, namespace = 'mail'): Promise<string> => {
  const found = await site.conditions('SendingDomain', `${namespace}/example`);
  return found.find((it) => it.startsWith(`${type}=`))?.slice(type.length + 1) ?? '';
};

/** What people do: everything that the status says, into the zone. */
const publish = async (): Promise<void> => zone.publish(await status());

/** Selectors of the domain's keys that sign, in the keyring. */
async function signing(): Promise<string[]> {
  const files = (await keyringSecrets(site.kube, 'mail')).flatMap((it) => Array.from(filesIn(it).keys()));
  return files.flatMap((name) => /^mail\/(.*)\._domainkey\.example\.com\.pem$/.exec(name)?.[1] ?? []).toSorted();
}

const keySecrets = async (): Promise<KubeObject[]> => {
  const { objects } = await site.kube.list(SECRETS, { namespace: 'mail' });
  return objects.filter(({ type }) => type === 'postfleet.io/dkim-key');
};

test('a domain gets its keys, and its status says what to publish', async () => {
  await look();
  await until('two keys, handed out', async () => (await phases()).join() === 'Published,Published', 20_000);
  const { records = [], keys = [] } = await status();
  expect(records.filter(({ purpose }) => purpose === 'DKIM').map(({ expected }) => expected[0]?.slice(0, 17))).toEqual(
    expect.arrayContaining(['v=DKIM1; k=rsa; p', 'v=DKIM1; k=ed2551']),
  );
  expect((await keySecrets()).map(({ metadata }) => metadata.name).toSorted()).toEqual(
    keys.map(({ secretName }) => secretName).toSorted(),
  );
  await until('it says that it waits', async () => (await condition('Reconciling')) === 'True DNSPending');
  await until('it was looked for', async () => (await condition('Verified')) === 'False KeyNotSeen');
  expect(await signing()).toEqual([]);
});

test('signs when its keys were seen, and is ready when all is published', async () => {
  await publish();
  await seen('its keys are active', async () => (await phases()).join() === 'Active,Active');
  expect(await condition('Verified')).toBe('True KeySeen');
  expect(await signing()).toEqual((await status()).activeSelectors?.toSorted());
  await until('everything is said', async () => ((await status()).records ?? []).length >= 5);
  await publish();
  await seen('it is ready', async () => (await condition('Ready')) === 'True Ready');
});

const report = (keyring: Readonly<Record<string, string>>): Promise<void> =>
  reportKeyring(site.kube, 'mail', 'worker', keyring);
const whole = (): Promise<Record<string, string>> => wholeKeyring(site.kube, 'mail');

test('a rotation makes one key of each family, which are active when every worker has them', async () => {
  await report(await whole());
  const before = (await status()).activeSelectors?.toSorted() ?? [];
  const rotateAt = { 'postfleet.io/rotate-at': new Date().toISOString() };
  await look(rotateAt);
  await until('the next keys', async () => (await phases()).join() === 'Active,Active,Published,Published', 20_000);
  expect(await signing()).toEqual(before);
  await publish();
  await seen('they sign', async () => !(await signing()).some((it) => before.includes(it)), rotateAt);
  await until('they wait for the worker', async () => (await phases()).join() === 'Active,Active,Verified,Verified');
  await looked(rotateAt);
  expect((await phases()).join()).toBe('Active,Active,Verified,Verified');
  expect((await status()).activeSelectors?.toSorted()).toEqual(before);
  await report(await whole());
  await until('they are active', async () => (await phases()).join() === 'Active,Active,Retiring,Retiring', 30_000);
  expect((await status()).activeSelectors?.toSorted()).toEqual(await signing());
  expect(await keySecrets()).toHaveLength(4);
});

test('a restored backup keeps its selectors, under whatever uid', async () => {
  const selectors = ((await status()).keys ?? []).map(({ selector }) => selector).toSorted();
  const kept = await keySecrets();
  await operator.program.stop();
  await site.kube.delete({ type: typeOfKind('SendingDomain'), namespace: 'mail', name: 'example' });
  for (const { metadata } of kept) await site.kube.delete({ type: SECRETS, namespace: 'mail', name: metadata.name });
  operator = await startOperator();
  for (const { metadata, ...rest } of kept) {
    const { name, namespace = '', labels = {}, annotations = {} } = metadata;
    await site.kube.create(SECRETS, { ...rest, metadata: { name, namespace, labels, annotations } });
  }
  await look();
  await until('its keys are there', async () => ((await status()).keys ?? []).length === 4, 20_000);
  expect(((await status()).keys ?? []).map(({ selector }) => selector).toSorted()).toEqual(selectors);
  expect((await keySecrets()).map(({ metadata }) => metadata.name)).toEqual(kept.map(({ metadata }) => metadata.name));
});

test('a key of somebody’s own signs when it was seen, and another is taken from its Secret', async () => {
  const key = { selector: 'mine', algorithm: 'Ed25519', secretRef: { name: 'mine', key: 'mine.pem' } };
  const spec = { domain: 'own.example', poolRef: { name: 'main' } };
  const own = async (): Promise<DomainStatus> => statusOf(await site.object('SendingDomain', 'mail/own'));
  const phase = async (): Promise<string> =>
    ((await own()).keys ?? []).map((it) => `${it.selector} ${it.phase}`).join();
  const put = async (): Promise<void> => {
    const pem = Buffer.from(await generateKey('Ed25519')).toString('base64');
    const metadata = { name: 'mine', namespace: 'mail' };
    await site.apply(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata, data: { 'mine.pem': pem } });
  };
  const dkim = { algorithms: ['Ed25519'], existingKeys: [key] };
  let wished = 0;
  const lookAgain = (more: object = { dkim }): Promise<void> => {
    wished += 1;
    return site.declare(
      'SendingDomain',
      'mail/own',
      { ...spec, ...more },
      { 'postfleet.io/reconcile-at': `${wished}` },
    );
  };
  const becomes = (wanted: string, more?: object): Promise<boolean> =>
    until(
      `its keys are ${wanted}`,
      async () => {
        if ((await phase()) === wanted) return true;
        zone.publish(await own());
        await lookAgain(more);
        await report(await whole());
        return (await phase()) === wanted;
      },
      40_000,
    );
  await lookAgain();
  const stalled = async (): Promise<string[]> => site.conditions('SendingDomain', 'mail/own');
  await until('it waits for the Secret', async () => (await stalled()).includes('Stalled=True NotCarriedOut'), 20_000);
  await put();
  await until('it is handed out', async () => (await phase()) === 'mine Published', 20_000);
  await becomes('mine Active');
  expect(await stalled()).not.toContain('Stalled=True NotCarriedOut');
  await put();
  await until('it is another key', async () => (await phase()) === 'mine Published', 20_000);
  await becomes('mine Active');
  const made = { dkim: { algorithms: ['Ed25519'] } };
  await lookAgain(made);
  await until(
    'one that is made follows',
    async () => /^mine Active,pf\d+e Published$|^pf\d+e Published,mine Active$/.test(await phase()),
    20_000,
  );
}, 120_000);

test('records are handed to external-dns where it is, for whom the cluster trusts', async () => {
  const spec = { domain: 'auto.example', poolRef: { name: 'main', namespace: 'mail' }, dns: { mode: 'DNSEndpoint' } };
  const says = (place: string, said: string): Promise<boolean> =>
    until(`${place} says ${said}`, async () => (await site.conditions('SendingDomain', place)).includes(said), 30_000);
  await site.declare('SendingDomain', 'mail/auto', spec);
  await says('mail/auto', 'Stalled=True NotCarriedOut');
  await site.apply(DEFINITIONS, EXTERNAL_DNS);
  await says('mail/auto', 'Reconciling=True DNSPending');
  const endpoint = (namespace: string) => site.kube.get({ type: ENDPOINTS, namespace, name: 'auto' });
  const names = async (): Promise<string[]> => {
    const { endpoints = [] } = ((await endpoint('mail'))?.['spec'] ?? {}) as { endpoints?: { dnsName: string }[] };
    return [...new Set(endpoints.map(({ dnsName }) => dnsName.replace(/^pf\d+[re]\./, '*.')))];
  };
  const all = ['*._domainkey.auto.example', '_dmarc.auto.example', 'bounce.auto.example'];
  await until('all of it is there', async () => (await names()).toSorted().join() === all.join(), 20_000);
  await site.declare('IPPool', 'mail/main', { clusterRef: { name: 'main' }, members, namespaces: { from: 'All' } });
  await site.declare('SendingDomain', 'other/auto', spec);
  await says('other/auto', 'Stalled=True NotCarriedOut');
  expect(await endpoint('other')).toBeUndefined();
  await site.declare('SendingDomain', 'mail/auto', { ...spec, dns: { mode: 'Manual' } });
  await until('it is taken back', async () => (await endpoint('mail')) === undefined, 20_000);
  for (const namespace of ['mail', 'other'])
    await site.kube.delete({ type: typeOfKind('SendingDomain'), namespace, name: 'auto' });
  await site.declare('IPPool', 'mail/main', { clusterRef: { name: 'main' }, members });
}, 120_000);

test('nobody sends by a pool that does not grant it, or as a domain that another has proven', async () => {
  const spec = { ...SPEC, poolRef: { name: 'main', namespace: 'mail' } };
  await site.declare('SendingDomain', 'other/example', spec);
  await until('it is refused', async () => (await condition('Stalled', 'other')) === 'True PoolRefused', 30_000);
  await site.declare('IPPool', 'mail/main', { clusterRef: { name: 'main' }, members, namespaces: { from: 'All' } });
  await until('it is not proven', async () => (await condition('Verified', 'other')) === 'False KeyNotSeen', 20_000);
  const theirs = ((await status('other')).keys ?? []).map(({ selector }) => selector);
  expect(theirs).toHaveLength(2);
  expect(await condition('Verified')).toBe('True KeySeen');
});

test('an operator that is started again makes no key and moves none back', async () => {
  const before = (await keySecrets()).map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`);
  await operator.program.stop();
  operator = await startOperator();
  await until('it leads', async () => /leader_election_master_status 1/.test(await operator.metrics()), 40_000);
  await until('it has looked at everything', async () => {
    return (await operator.looks('sendingdomain')) >= 2 && (await operator.looks('keyring')) >= 1;
  });
  await looked();
  expect((await keySecrets()).map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`)).toEqual(before);
});
