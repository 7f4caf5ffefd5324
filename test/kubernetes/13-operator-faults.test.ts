/**
 * Operators that end after any of their writes, or before they hear of it, two that lead at once, and an API server that
 * answers as it should not: the same comes of it, with one key of each family, and no key signs that is not published.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseKeyFile } from '#lib/keyring/folder.ts';
import type { Kube, KubeObject, KubeType } from '#lib/kube/kube.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import { Reflector } from '#lib/kube/reflector.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { type Operator, startOperator } from '#operator/operator.ts';
import { SECRETS, WATCHED } from '#operator/types.ts';
import { ApiProxy, type Instead, isList, isWatch, listOf, type Passed } from '../harness/api-proxy.ts';
import { filesIn, keyringSecrets } from '../harness/keyring-pods.ts';
import { type End, MortalKube } from '../harness/mortal-kube.ts';
import { Operated } from '../harness/operated.ts';
import { grantLease, OPERATOR, startOperatorProcess } from '../harness/operator.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';
import { statusOf, Zone } from '../harness/zone.ts';

const stage = openScene();
let site: Operated;
let zone: Zone;
/** As the operator's account. */
let kube: ApiServer;
let watching: Reflector;
const running: Operator[] = [];
/** Names of keys that signed while their record was not published. */
const unpublished = new Set<string>();

beforeAll(async () => {
  [site, zone] = [await Operated.start(stage), await Zone.serve()];
  kube = new ApiServer(site.plane.access(OPERATOR), systemClock, systemRandom);
  watching = new Reflector({
    kube: site.kube,
    type: SECRETS,
    clock: systemClock,
    random: systemRandom,
    heard: ({ kind, object }) => {
      if (kind !== 'gone' && object['type'] === 'postfleet.io/keyring') judge(object);
    },
  });
}, 120_000);
afterAll(async () => {
  await watching.close();
  await Promise.all(running.map((it) => it.stop()));
  kube.close();
  site.close();
  zone.close();
});

function judge(keyring: KubeObject): void {
  for (const file of filesIn(keyring).keys()) {
    const key = parseKeyFile(file.replace(/^.*\//, ''));
    const name = key && `${key.selector}._domainkey.${key.domain}`;
    if (name !== undefined && !zone.has('TXT', name)) unpublished.add(name);
  }
}

/** Writes about a domain, its keys, and who signs. */
const isAboutKeys = (type: KubeType, object: KubeObject): boolean =>
  type.kind === 'SendingDomain' ||
  (type.kind === 'Secret' && (object['type'] !== 'postfleet.io/keyring' || hasKeys(object)));
const hasKeys = (object: KubeObject): boolean => [...filesIn(object).keys()].some((it) => it.endsWith('.pem'));

const quiet = (): void => undefined;

/** Each has a lease of its own: all of them lead. */
async function lead(namespace: string, identity: string, by: Kube): Promise<void> {
  await site.namespace(`${namespace}-${identity}`);
  await grantLease(site.kube, `${namespace}-${identity}`);
  const settings = {
    namespace: `${namespace}-${identity}`,
    watchNamespaces: [namespace],
    image: 'postfleet:1',
    podsRole: 'postfleet-pods',
    identity,
    metrics: { host: '127.0.0.1', port: 0 },
    resolvers: [zone.address],
    allowPrivate: [],
    hostname: 'mx.mail.test',
  };
  const log = { info: quiet, warn: quiet, error: quiet, flush: async () => undefined };
  running.push(
    await startOperator({ kube: by, settings, clock: systemClock, random: systemRandom, log, failed: quiet }),
  );
}

async function declare(namespace: string): Promise<void> {
  await site.namespace(namespace);
  const members = [{ name: 'one', address: '192.0.2.1', egress: 'Local' }];
  await site.declare('MTACluster', `${namespace}/main`, { queue: { nats: { servers: ['nats://nats:4222'] } } });
  await site.declare('IPPool', `${namespace}/main`, { clusterRef: { name: 'main' }, members });
  await site.declare('SendingCredential', `${namespace}/app`, { clusterRef: { name: 'main' } });
  await ask(namespace);
}

let asked = 0;
/** Lets whoever leads look at DNS now. */
const ask = (namespace: string): Promise<void> => {
  const spec = { domain: `${namespace}.test`, poolRef: { name: 'main' }, dkim: { algorithms: ['RSA2048', 'Ed25519'] } };
  return site.declare('SendingDomain', `${namespace}/main`, spec, {
    'postfleet.io/reconcile-at': String((asked += 1)),
  });
};

/** Publishes what the status says, as people do, and whether all keys are active. */
async function isActive(namespace: string): Promise<boolean> {
  const status = statusOf(await site.object('SendingDomain', `${namespace}/main`));
  zone.publish(status);
  const { keys = [] } = status;
  return keys.length === 2 && keys.every(({ phase }) => phase === 'Active');
}

/** Asks for looks, a second apart, until it is so. */
const seen = (what: string, namespace: string, isSo: () => Promise<boolean>): Promise<boolean> => {
  let since = performance.now();
  return until(
    what,
    async () => {
      if (await isSo()) return true;
      if (performance.now() - since < 1000) return false;
      since = performance.now();
      await ask(namespace);
      return false;
    },
    120_000,
  );
};

const becomesActive = (namespace: string): Promise<boolean> =>
  seen(`the keys of ${namespace} are active`, namespace, () => isActive(namespace));

interface Outcome {
  /** Phases of the keys. */
  readonly keys: readonly (string | undefined)[];
  /** How many keys sign, and how many credentials are proven. */
  readonly signing: number;
  readonly proven: number;
}

async function outcome(namespace: string): Promise<Outcome> {
  const { objects } = await site.kube.list(SECRETS, { namespace });
  const keys = objects.filter(({ type }) => type === 'postfleet.io/dkim-key');
  const files = (await keyringSecrets(site.kube, namespace)).flatMap((it) => Array.from(filesIn(it).keys()));
  return {
    keys: keys.map((it) => it.metadata.annotations?.['postfleet.io/phase']),
    signing: files.filter((it) => it.endsWith('.pem')).length,
    proven: files.filter((it) => it.endsWith('.json')).length,
  };
}

const WHOLE: Outcome = { keys: ['Active', 'Active'], signing: 2, proven: 1 };

/** After each of its writes, and before it hears of it. */
const ENDS: readonly End[] = Array.from({ length: 10 }, (_, at) =>
  [true, false].map((isTold) => ({ after: at + 1, isTold })),
).flat();

/** As many at a time: most of it is waiting. */
const AT_ONCE = 5;

/** Whether the first operator ended in the middle. */
async function survives(end: End): Promise<boolean> {
  const namespace = `end-${end.after}-${end.isTold ? 'told' : 'untold'}`;
  await declare(namespace);
  const first = new MortalKube(kube, isAboutKeys, end);
  await lead(namespace, 'first', first);
  await seen(`${namespace}: the first has ended`, namespace, async () => (await isActive(namespace)) || first.isDead);
  await lead(namespace, 'second', new MortalKube(kube, isAboutKeys));
  await becomesActive(namespace);
  await until(`${namespace} is whole`, async () => (await outcome(namespace)).proven === 1, 20_000);
  expect({ namespace, ...(await outcome(namespace)) }).toEqual({ namespace, ...WHOLE });
  return first.isDead;
}

test('an operator that ends after any of its writes is followed by one that comes to the same', async () => {
  const ended: boolean[] = [];
  for (let at = 0; at < ENDS.length; at += AT_ONCE) {
    ended.push(...(await Promise.all(ENDS.slice(at, at + AT_ONCE).map(survives))));
    await Promise.all(running.splice(0).map((it) => it.stop()));
  }
  const middle = ended.filter(Boolean).length;
  process.stdout.write(`${middle} of ${ENDS.length} operators ended in the middle\n`);
  expect(middle).toBeGreaterThan(ENDS.length / 2);
  expect([...unpublished]).toEqual([]);
}, 600_000);

test('two that lead at once come to the same, and make no second key', async () => {
  const namespace = 'two';
  await declare(namespace);
  await Promise.all(['first', 'second'].map((it) => lead(namespace, it, new MortalKube(kube, isAboutKeys))));
  await becomesActive(namespace);
  await until('it is whole', async () => (await outcome(namespace)).proven === 1, 20_000);
  expect(await outcome(namespace)).toEqual(WHOLE);
  await Promise.all(running.splice(0).map((it) => it.stop()));
  expect([...unpublished]).toEqual([]);
}, 120_000);

test('an API server that refuses, forgets and hangs up comes to the same', async () => {
  const namespace = 'trouble';
  const proxy = stage.adopt(await ApiProxy.start(site.plane));
  const wrong: readonly Instead[] = [{ status: 500 }, { status: 429 }, 'cut', { status: 409 }, { status: 410 }];
  let [count, answered] = [0, 0];
  proxy.instead = (passed) => {
    count += 1;
    // The lease is left alone: losing it ends the process, which is another test's.
    if (count % 4 !== 0 || passed.url.pathname.includes('/leases')) return undefined;
    answered += 1;
    return wrongFor(passed, wrong[answered % wrong.length]);
  };
  await declare(namespace);
  const flags = ['--resolver', zone.address, '--hostname', 'mx.mail.test', '--watch-namespaces', namespace];
  await startOperatorProcess(stage, site.plane, { server: proxy.server, flags });
  let cuts = 0;
  await seen(`the keys of ${namespace} are active`, namespace, async () => {
    if ((cuts += 1) % 50 === 0) proxy.cutWatches();
    return isActive(namespace);
  });
  await until('it is whole', async () => (await outcome(namespace)).proven === 1, 60_000);
  expect(await outcome(namespace)).toEqual(WHOLE);
  expect(answered).toBeGreaterThan(50);
  expect([...unpublished]).toEqual([]);
}, 240_000);

test('lists as they were before, and events that are lost, make no second key, and all is whole when lists are read anew', async () => {
  const namespace = 'stale';
  const proxy = stage.adopt(await ApiProxy.start(site.plane));
  const through = (): ApiServer => new ApiServer(site.plane.access(OPERATOR, proxy.server), systemClock, systemRandom);
  await declare(namespace);
  await lead(namespace, 'first', through());
  await until('it has read everything', () => proxy.asked.filter(isWatch).length >= WATCHED.length - 1, 20_000);
  // As it was when there were no keys.
  proxy.remember();
  await becomesActive(namespace);
  await Promise.all(running.splice(0).map((it) => it.stop()));
  const selectors = async (): Promise<string[]> =>
    (statusOf(await site.object('SendingDomain', `${namespace}/main`)).activeSelectors ?? []).toSorted();
  const before = await selectors();
  let told = 0;
  proxy.isStale = true;
  proxy.isLost = () => (told += 1) % 3 === 0;
  await lead(namespace, 'second', through());
  const since = performance.now();
  await until(
    'it has looked at old lists, and heard the rest',
    () => told > 10 && performance.now() - since > 3000,
    30_000,
  );
  expect(await outcome(namespace)).toMatchObject({ keys: ['Active', 'Active'] });
  [proxy.isStale, proxy.isLost] = [false, () => false];
  // What was lost is read when the server says that it has forgotten.
  proxy.instead = (passed) => (isWatch(passed) ? { status: 410 } : undefined);
  proxy.cutWatches();
  const mark = proxy.asked.length;
  const listed = (): number => new Set(proxy.asked.slice(mark).flatMap((it) => (isList(it) ? [listOf(it)] : []))).size;
  await until('lists are read anew', () => listed() >= WATCHED.length - 1, 40_000);
  proxy.instead = () => undefined;
  await until(
    'it is whole',
    async () => {
      const { signing, proven } = await outcome(namespace);
      return signing === WHOLE.signing && proven === WHOLE.proven && (await selectors()).length === before.length;
    },
    30_000,
  );
  expect(await outcome(namespace)).toEqual(WHOLE);
  expect(await selectors()).toEqual(before);
  expect([...unpublished]).toEqual([]);
  await Promise.all(running.splice(0).map((it) => it.stop()));
}, 180_000);

/** A reading conflicts with nothing, and only a reading can have been forgotten. */
function wrongFor(passed: Passed, instead: Instead): Instead {
  const isReading = passed.method === 'GET' || isWatch(passed);
  if (typeof instead !== 'object') return instead;
  if (instead.status === 409 && isReading) return { status: 410 };
  return instead.status === 410 && !isReading ? { status: 409 } : instead;
}
