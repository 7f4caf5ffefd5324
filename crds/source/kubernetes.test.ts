import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeCluster } from '#lib/kube/fake-cluster.ts';
import type { Kube, KubeObject } from '#lib/kube/kube.ts';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import type { Log } from '#lib/run/log.ts';
import { seededRandom } from '#lib/run/random.ts';
import { NAMINGS } from '../definition.ts';
import type { Kind } from '../kinds.ts';
import { type Sample, sample } from '../sample.ts';
import { OUTAGE, openKubernetes } from './kubernetes.ts';
import { SMALL_WORLD, type World, describeResourceSource } from './source.contract.ts';
import { type ResourceSource, problemLine } from './source.ts';

/** All kinds of a cluster in memory. */
class FakeKube implements Pick<Kube, 'list' | 'watch'> {
  readonly #kinds = new Map((Object.keys(NAMINGS) as Kind[]).map((kind) => [NAMINGS[kind].plural, new FakeCluster()]));
  readonly list: Kube['list'] = (type, scope, signal) => this.#of(type.plural).list(type, scope, signal);
  readonly watch: Kube['watch'] = (type, scope, since, signal) =>
    this.#of(type.plural).watch(type, scope, since, signal);

  set isDown(isDown: boolean) {
    for (const cluster of this.#kinds.values()) {
      cluster.isDown = isDown;
      if (isDown) cluster.cut('torn');
    }
  }

  /** All that there is from now on. */
  declare(documents: readonly object[]): void {
    const wanted = new Map(documents.map((document) => [nameOf(document as Sample), document as Sample]));
    for (const [plural, cluster] of this.#kinds)
      for (const key of cluster.objects.keys()) if (!wanted.has(`${plural} ${key}`)) cluster.remove(key);
    for (const [name, document] of wanted) this.put(document, name);
  }

  put(document: Sample, name = nameOf(document)): void {
    const object = { ...document, metadata: { namespace: 'default', ...document.metadata } } as unknown as KubeObject;
    const [plural = '', key = ''] = name.split(' ');
    const before = this.#of(plural).objects.get(key);
    const { uid: _, resourceVersion: __, ...metadata } = before?.metadata ?? { name: '' };
    // As the API server does, which makes no new version of what is the same.
    if (JSON.stringify({ ...before, metadata }) !== JSON.stringify(object)) this.#of(plural).set(object);
  }

  #of(plural: string): FakeCluster {
    const cluster = this.#kinds.get(plural);
    if (!cluster) throw new Error(`no kind is called ${plural}`);
    return cluster;
  }
}

const nameOf = ({ kind, metadata: { namespace = 'default', name } }: Sample): string =>
  `${NAMINGS[kind].plural} ${String(namespace)}/${String(name)}`;

interface Opened extends World {
  readonly kube: FakeKube;
  readonly clock: FakeClock;
  readonly logged: string[];
  readonly snapshot: string;
  readonly again: () => Promise<ResourceSource>;
}

async function open(documents: readonly object[], kube = new FakeKube(), namespaces?: string[]): Promise<Opened> {
  const folder = await mkdtemp(join(tmpdir(), 'postfleet-source-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const snapshot = join(folder, 'declared.json');
  const clock = new FakeClock();
  const logged: string[] = [];
  const note = (message: string): void => void logged.push(message);
  const log: Log = { info: note, warn: note, error: note, flush: async () => undefined };
  kube.declare(documents);
  const again = async (): Promise<ResourceSource> => {
    let opened: ResourceSource | undefined;
    const random = seededRandom(1);
    const opening = openKubernetes({
      kube,
      cluster: 'default/local',
      snapshot,
      clock,
      random,
      log,
      ...(namespaces && { namespaces }),
    });
    void opening.then((source) => (opened = source));
    await passing(() => opened !== undefined);
    const source = await opening;
    onTestFinished(() => source.close());
    return source;
  };
  const passing = async (holds: () => boolean): Promise<void> => {
    // The file is read and written in time of its own.
    for (const end = performance.now() + 8000; !holds() && performance.now() < end;) await turn();
    expect(holds()).toBe(true);
  };
  const turn = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(50);
  };
  return {
    kube,
    clock,
    logged,
    snapshot,
    again,
    source: await again(),
    declare: async (some) => kube.declare(some),
    until: passing,
    look: async () => {
      for (let times = 0; times < 20; times += 1) await turn();
    },
  };
}

describeResourceSource('a Kubernetes cluster', (documents) => open(documents));

const claim = (name: string, spec: object = {}, more: object = {}): Sample => ({
  ...sample('SendingDomain', { domain: `${name}.example`, ...spec }, { name, namespace: 'tenant' }),
  ...more,
});
const theirs = { poolRef: { name: 'main', namespace: 'default' } };
const granted = { status: { pool: { namespace: 'default', name: 'main' } } };
const domainsOf = (source: ResourceSource): string[] => source.current().domains.map(({ metadata }) => metadata.name);

describe('what belongs to the world of a cluster', () => {
  it('is what names it, and nothing of another cluster', async () => {
    const { source } = await open([
      ...SMALL_WORLD,
      sample('MTACluster', {}, { name: 'other' }),
      sample('IPPool', { clusterRef: { name: 'other' } }, { name: 'others' }),
      sample('SendingDomain', { domain: 'b.example', poolRef: { name: 'others' } }, { name: 'b' }),
      sample('DestinationPolicy', { clusterRef: { name: 'other' } }),
      sample('SendingCredential'),
      sample('EventSink'),
    ]);
    const { clusters, pools, domains, policies, credentials, sinks } = source.current();
    expect([clusters, pools, domains, policies, credentials, sinks].map(({ length }) => length)).toEqual([
      1, 1, 1, 0, 1, 1,
    ]);
    expect(source.problems()).toEqual([]);
  });

  it.each<[string, Sample, boolean]>([
    ['whose pool is granted by the operator', claim('a', theirs, granted), true],
    ['whose pool is not granted yet', claim('a', theirs), false],
    [
      'to which another pool was granted',
      claim('a', theirs, { status: { pool: { namespace: 'x', name: 'main' } } }),
      false,
    ],
    ['whose pool is not there', claim('a', { poolRef: { name: 'main' } }), false],
  ])('is a domain of another namespace %s: %j', async (_, document, isTaken) => {
    const { source } = await open([...SMALL_WORLD, document]);
    expect(domainsOf(source).includes('a')).toBe(isTaken);
  });

  it.each<[string, object, boolean]>([
    ['is accepted', { conditions: [{ type: 'Accepted', status: 'True' }] }, true],
    ['is refused', { conditions: [{ type: 'Accepted', status: 'False' }] }, false],
    ['is not judged yet', {}, false],
  ])('is a credential of another namespace that %s', async (_, status, isTaken) => {
    const credential = sample(
      'SendingCredential',
      { clusterRef: { name: 'local', namespace: 'default' } },
      { namespace: 'tenant' },
    );
    const { source } = await open([...SMALL_WORLD, { ...credential, status }]);
    expect(source.current().credentials).toHaveLength(isTaken ? 1 : 0);
  });

  it('is no policy of another namespace, whatever it says', async () => {
    const { source } = await open([...SMALL_WORLD, sample('DestinationPolicy', {}, { namespace: 'tenant' })]);
    expect(source.current().policies).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['says so', { conditions: [{ type: 'Verified', status: 'True' }] }, 'Skip'],
    ['does not', {}, 'Required'],
  ])('skips the proof of a domain only when the operator %s', async (_, status, verification) => {
    const document = { ...sample('SendingDomain', { verification: 'Skip' }), status };
    const { source } = await open([...SMALL_WORLD.slice(0, 2), document]);
    expect(source.current().domains[0]?.spec.verification).toBe(verification);
  });

  it('says how a domain stands as soon as the operator does, whose whole status can be read', async () => {
    const { source, kube, until } = await open(SMALL_WORLD);
    const verdict = () => source.current().domains[0]?.verdict;
    expect(verdict()).toEqual({ standing: 'unverified', hasKey: false });
    const status = { conditions: [{ type: 'Verified', status: 'True' }], activeSelectors: ['s'], records: ['much'] };
    kube.put({ ...sample('SendingDomain'), status } as Sample);
    await until(() => verdict()?.standing === 'verified');
    expect(verdict()).toEqual({ standing: 'verified', hasKey: true });
    expect(source.statusOf('SendingDomain', 'default/example.com')).toEqual(status);
    expect(source.statusOf('SendingDomain', 'default/other')).toBeUndefined();
  });

  it('has of two claims of one namespace to one domain the older', async () => {
    const at = (name: string, creationTimestamp: string): Sample =>
      sample('SendingDomain', {}, { name, creationTimestamp });
    const { source } = await open([
      ...SMALL_WORLD.slice(0, 2),
      at('a', '2026-02-01T00:00:00Z'),
      at('b', '2026-01-01T00:00:00Z'),
    ]);
    expect(domainsOf(source)).toEqual(['b']);
  });

  it('comes together whatever the order', async () => {
    const kube = new FakeKube();
    const { source, until } = await open(SMALL_WORLD.slice(0, 1), kube);
    for (const document of SMALL_WORLD.slice(1).toReversed()) kube.put(document);
    await until(() => source.current().pools.length === 1);
    expect(domainsOf(source)).toEqual(['example.com']);
  });
});

describe('a change', () => {
  it('of a status alone is told to nobody', async () => {
    const { source, kube, look } = await open(SMALL_WORLD);
    const before = source.current();
    let told = 0;
    source.onChange(() => (told += 1));
    kube.put({ ...sample('SendingDomain'), status: { observedGeneration: 1 } } as Sample);
    await look();
    expect(told).toBe(0);
    expect(source.current()).toBe(before);
  });

  it('that makes a resource invalid leaves it as it was, and its neighbours go on', async () => {
    const { source, kube, until } = await open(SMALL_WORLD);
    kube.put(sample('IPPool', { members: [] }));
    kube.put(sample('SendingDomain', { domain: 'b.example' }, { name: 'b' }));
    await until(() => source.problems().length > 0 && domainsOf(source).includes('b'));
    expect(source.problems().map(problemLine)).toEqual(['IPPool default/main spec.members must have at least 1 entry']);
    expect(source.current().pools[0]?.spec.members).toHaveLength(1);
  });

  it('that takes the cluster away leaves the world as it was, and says so', async () => {
    const { source, declare, until } = await open(SMALL_WORLD);
    const before = source.current();
    await declare(SMALL_WORLD.slice(1));
    await until(() => source.problems().length > 0);
    expect(source.problems().map(problemLine)).toEqual(['MTACluster default/local must be there: apply it']);
    expect(source.current()).toBe(before);
  });
});

describe('an outage of the API', () => {
  it('changes nothing, is a problem when it lasts, and none when it is over', async () => {
    const { source, kube, clock, until, logged } = await open(SMALL_WORLD);
    const before = source.current();
    kube.isDown = true;
    await until(() => logged.includes('the API server cannot be asked'));
    expect(source.problems()).toEqual([]);
    const began = clock.monotonic();
    await until(() => source.problems().length > 0);
    expect(clock.monotonic() - began).toBeGreaterThan(OUTAGE - seconds(1));
    expect(source.current()).toBe(before);
    kube.isDown = false;
    kube.put(sample('SendingDomain', { domain: 'b.example' }, { name: 'b' }));
    await until(() => source.problems().length === 0 && domainsOf(source).includes('b'));
    expect(logged).toContain('the API server answers again');
  });

  it('also over a restart: what was declared last is used, and what changed meanwhile is taken after it', async () => {
    const { source, kube, again, until, logged, snapshot } = await open(SMALL_WORLD);
    await source.close();
    expect((await stat(snapshot)).mode & 0o777).toBe(0o600);
    kube.isDown = true;
    const restarted = await again();
    expect(domainsOf(restarted)).toEqual(['example.com']);
    expect(logged).toContain('the API server gives no answer: what was declared last is used');
    kube.isDown = false;
    kube.put(sample('SendingDomain', { domain: 'b.example' }, { name: 'b' }));
    await until(() => domainsOf(restarted).includes('b'));
  });

  it.each(['', '{"format":1,"at":1', '{"format":2}', '[]'])('is waited for when the file says %j', async (text) => {
    const { source, kube, clock, again, snapshot } = await open(SMALL_WORLD);
    await source.close();
    await writeFile(snapshot, text);
    kube.isDown = true;
    const began = clock.monotonic();
    let opened = false;
    const opening = again().then(() => (opened = true));
    while (clock.monotonic() - began < seconds(20)) await new Promise((resolve) => setImmediate(resolve));
    expect(opened).toBe(false);
    kube.isDown = false;
    await opening;
  });

  it('never serves from the file what would not be admitted from the server', async () => {
    const { source, kube, again, snapshot } = await open(SMALL_WORLD);
    await source.close();
    const { objects, ...rest } = JSON.parse(await readFile(snapshot, 'utf8')) as { objects: object[] };
    const bad = { ...sample('SendingDomain', { domain: 'B.EXAMPLE' }, { name: 'b' }) };
    await writeFile(snapshot, JSON.stringify({ ...rest, objects: [...objects, bad, claim('c', theirs)] }));
    kube.isDown = true;
    const restarted = await again();
    expect(domainsOf(restarted)).toEqual(['example.com']);
  });
});

it('leaves no timer behind when closed', async () => {
  const { source, clock } = await open(SMALL_WORLD);
  await source.close();
  expect(clock.timers).toBe(0);
});
