/**
 * The keys of a domain from the first to the second, on a real API server and with DNS that a test publishes by hand, as people do.
 */
import { typeOfKind } from '#crds/definition.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeNameServer } from '#lib/dns/fake-name-server.ts';
import { parseBundle } from '#lib/keyring/bundle.ts';
import { LEASES } from '#lib/keyring/report.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { conditionsOf } from '#operator/controller/status.ts';
import { PODS, SECRETS } from '#operator/types.ts';
import { ControlPlane } from '../harness/control-plane.ts';
import { installDefinitions } from '../harness/definitions.ts';
import {
  grantOperator,
  makeNamespace,
  OPERATOR,
  OPERATOR_GROUPS,
  type OperatorProcess,
  startOperatorProcess,
} from '../harness/operator.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const stage = openScene();
const DOMAINS = typeOfKind('SendingDomain');

let plane: ControlPlane;
let kube: ApiServer;
let dns: FakeNameServer;
let operator: OperatorProcess;
/** What is published: texts, or hosts of mail exchangers, by `TYPE name`. */
const zone = new Map<string, string>();

beforeAll(async () => {
  plane = await ControlPlane.start(stage, { users: { [OPERATOR]: { groups: OPERATOR_GROUPS } } });
  kube = new ApiServer(plane.access(), systemClock, systemRandom);
  dns = await FakeNameServer.listen(({ name, type }) => {
    const said = zone.get(`${type} ${name}`);
    if (said === undefined) return { rcode: 3, ra: true };
    const answer =
      type === 'MX'
        ? { type, name, ttl: 0, data: { preference: 10, exchange: said.split(' ')[1] ?? '' } }
        : { type: 'TXT' as const, name, ttl: 0, data: said.match(/.{1,255}/gs) ?? [] };
    return { answers: [answer as never], ra: true };
  });
  await installDefinitions(kube);
  await grantOperator(kube);
  await makeNamespace(kube, 'mail');
  await makeNamespace(kube, 'other');
  await apply('MTACluster', 'mail', 'main', { queue: { nats: { servers: ['nats://nats:4222'] } } });
  const members = [{ name: 'one', address: '192.0.2.1', egress: 'Local' }];
  await apply('IPPool', 'mail', 'main', { clusterRef: { name: 'main' }, members });
  operator = await startOperator();
}, 120_000);
afterAll(() => {
  kube.close();
  dns.close();
});

const startOperator = (): Promise<OperatorProcess> =>
  startOperatorProcess(stage, plane, {
    flags: ['--resolver', `127.0.0.1:${dns.server.port}`, '--hostname', 'mx.mail.test'],
  });

type Ours = 'MTACluster' | 'IPPool' | 'SendingDomain';

async function apply(
  kind: Ours,
  namespace: string,
  name: string,
  spec: object,
  annotations: Record<string, string> = {},
): Promise<void> {
  const metadata = { name, namespace, annotations };
  const object = { apiVersion: 'postfleet.io/v1alpha1', kind, metadata, spec };
  const written = await kube.apply(typeOfKind(kind), object, 'somebody');
  if (written.kind !== 'written') throw new Error(JSON.stringify(written));
}

const SPEC = { domain: 'example.com', poolRef: { name: 'main' } };
let asked = 0;
/** Lets the operator look at DNS now. */
const look = (more: Record<string, string> = {}, namespace = 'mail'): Promise<void> =>
  apply('SendingDomain', namespace, 'example', SPEC, { 'postfleet.io/reconcile-at': String((asked += 1)), ...more });

/** Lets it look again and again: a look that is under way may not have seen what was just published. */
async function seen(sentence: string, holds: () => Promise<boolean>, more: Record<string, string> = {}): Promise<void> {
  const askAndSee = async (): Promise<boolean> => {
    await look(more);
    await pause(700);
    return holds();
  };
  await until(sentence, async () => (await holds()) || (await askAndSee()), 40_000);
}

const pause = (time: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, time));

interface DomainStatus {
  readonly keys?: readonly { readonly selector: string; readonly phase: string; readonly secretName: string }[];
  readonly activeSelectors?: readonly string[];
  readonly records?: readonly {
    readonly purpose: string;
    readonly type: string;
    readonly name: string;
    readonly expected: readonly string[];
  }[];
}

const found = async (namespace = 'mail'): Promise<KubeObject | undefined> =>
  kube.get({ type: DOMAINS, namespace, name: 'example' });
const status = async (namespace = 'mail'): Promise<DomainStatus> => (await found(namespace))?.['status'] ?? {};
const phases = async (): Promise<string[]> => ((await status()).keys ?? []).map(({ phase }) => phase).toSorted();
const condition = async (type: string, namespace = 'mail'): Promise<string> => {
  const object = await found(namespace);
  const it = (object ? conditionsOf(object) : []).find((one) => one.type === type);
  return it ? `${it.status} ${it.reason}` : '';
};

/** What people do: everything that the status says, into the zone. */
async function publish(): Promise<void> {
  for (const { type, name, expected } of (await status()).records ?? []) zone.set(`${type} ${name}`, expected[0] ?? '');
}

/** Selectors of the domain's keys in the keyring. */
async function signing(): Promise<string[]> {
  const { objects } = await kube.list(SECRETS, { namespace: 'mail' });
  return objects
    .filter(({ type }) => type === 'postfleet.io/keyring')
    .flatMap(({ data }) => bundleIn(data))
    .map((name) => /^mail\/(.*)\._domainkey\.example\.com\.pem$/.exec(name)?.[1] ?? '')
    .toSorted();
}

function bundleIn(data: unknown): string[] {
  const { 'bundle.json': text = '' } = data as Record<string, string>;
  return [...(parseBundle(Buffer.from(text, 'base64').toString())?.files.keys() ?? [])];
}

const keySecrets = async (): Promise<KubeObject[]> => {
  const { objects } = await kube.list(SECRETS, { namespace: 'mail' });
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

/** A worker, as the controller manager would make it, and what it reports. */
async function report(keyring: Readonly<Record<string, string>>): Promise<void> {
  const labels = {
    'app.kubernetes.io/name': 'postfleet',
    'app.kubernetes.io/instance': 'main',
    'app.kubernetes.io/component': 'worker',
  };
  const metadata = { name: 'main-worker-1', namespace: 'mail' };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, labels } };
  await kube.apply(PODS, { ...pod, spec: { containers: [{ name: 'worker', image: 'postfleet' }] } }, 'test');
  const annotations = { 'postfleet.io/keyring': JSON.stringify(keyring) };
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
  await kube.apply(
    LEASES,
    { ...lease, metadata: { ...metadata, labels: { 'postfleet.io/reports': 'keyring' }, annotations } },
    'test',
  );
}

/** The keyring as a worker has it when it has read all of it. */
async function whole(): Promise<Record<string, string>> {
  const { objects } = await kube.list(SECRETS, { namespace: 'mail' });
  const compiled = objects.filter(({ type }) => type === 'postfleet.io/keyring');
  return Object.fromEntries(
    compiled.map(({ metadata, data }) => {
      const { 'bundle.json': text = '' } = data as Record<string, string>;
      const part = /-(\d\d)$/.exec(metadata.name)?.[1];
      return [`dkim/${part}.json`, parseBundle(Buffer.from(text, 'base64').toString())?.revision ?? ''];
    }),
  );
}

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
  await pause(2000);
  expect((await status()).activeSelectors?.toSorted()).toEqual(before);
  await report(await whole());
  await until('they are active', async () => (await phases()).join() === 'Active,Active,Retiring,Retiring', 30_000);
  expect((await status()).activeSelectors?.toSorted()).toEqual(await signing());
  expect(await keySecrets()).toHaveLength(4);
});

test('a restored backup keeps its selectors, under whatever uid', async () => {
  const selectors = ((await status()).keys ?? []).map(({ selector }) => selector).toSorted();
  const kept = await keySecrets();
  await operator.program.kill();
  await kube.delete({ type: DOMAINS, namespace: 'mail', name: 'example' });
  for (const { metadata } of kept) await kube.delete({ type: SECRETS, namespace: 'mail', name: metadata.name });
  operator = await startOperator();
  for (const { metadata, ...rest } of kept) {
    const { name, namespace = '', labels = {}, annotations = {} } = metadata;
    await kube.create(SECRETS, { ...rest, metadata: { name, namespace, labels, annotations } });
  }
  await look();
  await until('its keys are there', async () => ((await status()).keys ?? []).length === 4, 20_000);
  expect(((await status()).keys ?? []).map(({ selector }) => selector).toSorted()).toEqual(selectors);
  expect((await keySecrets()).map(({ metadata }) => metadata.name)).toEqual(kept.map(({ metadata }) => metadata.name));
});

test('nobody sends by a pool that does not grant it, or as a domain that another has proven', async () => {
  const spec = { ...SPEC, poolRef: { name: 'main', namespace: 'mail' } };
  await apply('SendingDomain', 'other', 'example', spec);
  await until('it is refused', async () => (await condition('Stalled', 'other')) === 'True PoolRefused', 30_000);
  const members = [{ name: 'one', address: '192.0.2.1', egress: 'Local' }];
  await apply('IPPool', 'mail', 'main', { clusterRef: { name: 'main' }, members, namespaces: { from: 'All' } });
  await until('it is not proven', async () => (await condition('Verified', 'other')) === 'False KeyNotSeen', 20_000);
  const theirs = ((await status('other')).keys ?? []).map(({ selector }) => selector);
  expect(theirs).toHaveLength(2);
  expect(await condition('Verified')).toBe('True KeySeen');
});

test('an operator that is started again makes no key and moves none back', async () => {
  const before = (await keySecrets()).map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`);
  await operator.program.kill();
  operator = await startOperator();
  await until('it leads', async () => /leader_election_master_status 1/.test(await operator.metrics()), 40_000);
  await pause(3000);
  expect((await keySecrets()).map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`)).toEqual(before);
});
