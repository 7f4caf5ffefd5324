import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { typeOfKind } from '#crds/definition.ts';
import { KINDS, type Kind } from '#crds/kinds.ts';
import { type Sample, sample } from '#crds/sample.ts';
import { GATHERING, openKubernetes } from '#crds/source/kubernetes.ts';
import { SMALL_WORLD, type World, describeResourceSource } from '#crds/source/source.contract.ts';
import type { ResourceSource } from '#crds/source/source.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import type { KubeEvent, KubeObject, KubeType } from '#lib/kube/kube.ts';
import { seconds, sleep, systemClock } from '#lib/run/clock.ts';
import type { Log } from '#lib/run/log.ts';
import { systemRandom } from '#lib/run/random.ts';
import { ApiProxy, isWatch } from '../harness/api-proxy.ts';
import { ControlPlane } from '../harness/control-plane.ts';
import { installDefinitions, readDefinitions } from '../harness/definitions.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const stage = openScene();
const kinds = Object.keys(KINDS) as Kind[];
const ROLES: KubeType = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural: 'clusterroles',
  kind: 'ClusterRole',
};
const BINDINGS: KubeType = { ...ROLES, plural: 'clusterrolebindings', kind: 'ClusterRoleBinding' };
const SECRETS: KubeType = { group: '', version: 'v1', plural: 'secrets', kind: 'Secret' };
/** What ingress and workers are let in as: they read our kinds, and nothing else. */
const READER = 'reader';

let plane: ControlPlane;
let proxy: ApiProxy;
let admin: ApiServer;

beforeAll(async () => {
  plane = await ControlPlane.start(stage, { users: { [READER]: { groups: [] } } });
  proxy = stage.adopt(await ApiProxy.start(plane));
  admin = new ApiServer(plane.access(), systemClock, systemRandom);
  await installDefinitions(admin);
  await admin.apply(ROLES, role, 'test');
  await admin.apply(BINDINGS, binding, 'test');
});
afterAll(() => admin.close());
beforeEach(() => {
  proxy.instead = () => undefined;
});

const role: KubeObject = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: READER },
  rules: [{ apiGroups: ['postfleet.io'], resources: ['*'], verbs: ['list', 'watch'] }],
};
const binding: KubeObject = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: READER },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: READER },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: READER }],
};

const silent: Log = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  flush: async () => undefined,
};

/** As a worker: through the proxy, with its rights. */
async function openSource(
  snapshot = join(mkdtempSync(join(stage.root, 'source-')), 'declared.json'),
): Promise<ResourceSource> {
  const kube = new ApiServer(plane.access(READER, proxy.server), systemClock, systemRandom);
  const around = { clock: systemClock, random: systemRandom, log: silent };
  const source = await openKubernetes({ kube, cluster: 'default/local', snapshot, ...around });
  onTestFinished(async () => {
    await source.close();
    kube.close();
  });
  return source;
}

const put = async (document: Sample): Promise<void> => {
  const metadata = { namespace: 'default', ...document.metadata };
  const outcome = await admin.apply(
    typeOfKind(document.kind),
    { ...document, metadata } as unknown as KubeObject,
    'test',
  );
  if (outcome.kind !== 'written') throw new Error(JSON.stringify(outcome));
};

/** All that there is from now on. */
async function declare(documents: readonly Sample[]): Promise<void> {
  for (const document of documents) await put(document);
  const names = new Set(documents.map(({ kind, metadata }) => `${kind} ${String(metadata['name'])}`));
  for (const kind of kinds)
    for (const { metadata } of (await admin.list(typeOfKind(kind))).objects)
      if (!names.has(`${kind} ${metadata.name}`))
        await admin.delete({ type: typeOfKind(kind), namespace: 'default', name: metadata.name });
}

const domain = (name: string): Sample => sample('SendingDomain', { domain: `${name}.example` }, { name });
const has = (source: ResourceSource, name: string): boolean =>
  source.current().claimsTo(`${name}.example`).length === 1;

describe('a change', () => {
  it('is taken within two seconds', async () => {
    await declare(SMALL_WORLD);
    const source = await openSource();
    const took: number[] = [];
    for (let times = 0; times < 10; times += 1) {
      await put(domain(`quick-${times}`));
      const began = systemClock.monotonic();
      await until('the change is seen', () => has(source, `quick-${times}`));
      took.push(systemClock.monotonic() - began);
    }
    process.stdout.write(`a change is taken after ${Math.round(Math.max(...took))} ms at most, of ${took.length}\n`);
    expect(Math.max(...took)).toBeLessThan(seconds(2));
  });

  it('is taken with the rights to read our kinds, which are no rights on secrets', async () => {
    const reader = new ApiServer(plane.access(READER), systemClock, systemRandom);
    await expect(reader.list(SECRETS)).rejects.toMatchObject({ code: 'kube-denied' });
    expect(await reader.apply(typeOfKind('SendingDomain'), namespaced(domain('mine')), 'x')).toMatchObject({
      kind: 'refused',
      code: 403,
    });
    reader.close();
  });
});

const namespaced = (document: Sample): KubeObject =>
  ({ ...document, metadata: { namespace: 'default', ...document.metadata } }) as unknown as KubeObject;

describe('whatever the API does', () => {
  it('nothing is missed while watches are cut, again and again', async () => {
    await declare(SMALL_WORLD);
    const source = await openSource();
    for (let times = 0; times < 10; times += 1) {
      await put(domain(`cut-${times}`));
      proxy.cutWatches();
    }
    await until('all are there', () => source.current().domains.length === 11, 20_000);
    expect(source.problems()).toEqual([]);
  });

  it.each<[string, { status: number; headers?: Record<string, string> } | 'cut']>([
    ['410', { status: 410 }],
    ['500', { status: 500 }],
    ['429', { status: 429, headers: { 'retry-after': '1' } }],
    ['nothing', 'cut'],
  ])('what changed while watches were answered with %s is there soon after', async (what, answer) => {
    await declare(SMALL_WORLD);
    const source = await openSource();
    let left = 12;
    proxy.instead = (asked) => (isWatch(asked) && left-- > 0 ? answer : undefined);
    proxy.cutWatches();
    await put(domain('meanwhile'));
    await until('watches were refused', () => left <= 0, 30_000);
    const began = systemClock.monotonic();
    await until('it is there', () => has(source, 'meanwhile'), 30_000);
    process.stdout.write(`after ${what}: ${Math.round(systemClock.monotonic() - began)} ms\n`);
    await put(domain('later'));
    await until('the next too', () => has(source, 'later'), 10_000);
    expect(source.problems()).toEqual([]);
  });

  it.each([
    ['the server itself', () => plane.server],
    ['what stands between', () => proxy.server],
  ])('a watch of which nothing is to be told begins at once, at %s', async (_, server) => {
    const kube = new ApiServer(plane.access(READER, server()), systemClock, systemRandom);
    const { resourceVersion } = await kube.list(typeOfKind('EventSink'));
    const control = new AbortController();
    const began = systemClock.monotonic();
    for await (const event of kube.watch(typeOfKind('EventSink'), {}, resourceVersion, control.signal)) {
      expect(event).toEqual({ kind: 'mark', resourceVersion });
      control.abort();
    }
    expect(systemClock.monotonic() - began).toBeLessThan(seconds(5));
    kube.close();
  });

  it('a real server that has forgotten says so, and is asked for everything', async () => {
    const events: KubeEvent[] = [];
    for await (const event of admin.watch(typeOfKind('IPPool'), {}, '1', new AbortController().signal))
      events.push(event);
    expect(events.at(-1)).toEqual({ kind: 'expired' });
  });

  it('serves on while the server is down, and over a restart, and what changed is taken when it is back', async () => {
    await declare([...SMALL_WORLD, domain('before')]);
    const snapshot = join(stage.folder('kept'), 'declared.json');
    const source = await openSource(snapshot);
    await plane.killApiServer();
    expect(has(source, 'before')).toBe(true);
    await source.close();
    const began = systemClock.monotonic();
    const restarted = await openSource(snapshot);
    process.stdout.write(`without a server: serving after ${Math.round(systemClock.monotonic() - began)} ms\n`);
    expect(has(restarted, 'before')).toBe(true);
    await until('the outage is told', () => restarted.problems().length > 0, 20_000);
    expect(restarted.problems()).toMatchObject([
      { file: 'the API server', problem: expect.stringMatching(/^cannot be asked/) as string },
    ]);
    await plane.startApiServer();
    await put(domain('after'));
    const back = systemClock.monotonic();
    await until('what changed is there', () => has(restarted, 'after'), 40_000);
    process.stdout.write(`after an outage: ${Math.round(systemClock.monotonic() - back)} ms\n`);
    await until('no outage is told', () => restarted.problems().length === 0, 30_000);
  });
});

/** Of an older release, say: they let in what we do not. */
const permissive = (definition: KubeObject): KubeObject => {
  const open = structuredClone(definition) as unknown as {
    spec: { versions: { schema: { openAPIV3Schema: { properties: Record<string, unknown> } } }[] };
  };
  for (const { schema } of open.spec.versions)
    schema.openAPIV3Schema.properties['spec'] = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return open as unknown as KubeObject;
};

describe('with definitions that let in what is not valid', () => {
  beforeAll(async () => {
    await installDefinitions(admin, readDefinitions().map(permissive));
    // The server takes a moment to judge by them.
    const bad = namespaced(sample('SendingDomain', { domain: 'B.EXAMPLE' }, { name: 'let-in' }));
    await until(
      'they hold',
      async () => (await admin.create(typeOfKind('SendingDomain'), bad, { dryRun: true })).kind === 'written',
      20_000,
    );
  });

  describeResourceSource('a real API server', async (documents): Promise<World> => {
    await declare(documents as Sample[]);
    const source = await openSource();
    return {
      source,
      declare: (some) => declare(some as Sample[]),
      until: async (isSeen) => void (await until('it is seen', isSeen)),
      look: () => sleep(systemClock, 2 * GATHERING),
    };
  });
});
