import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { FakeCluster } from './fake-cluster.ts';
import { type KubeObject, type KubeType, kubeKey } from './kube.ts';
import { type KubeChange, Reflector, pauseAfter } from './reflector.ts';

const THINGS: KubeType = { group: 'test', version: 'v1', plural: 'things', kind: 'Thing' };
const thing = (name: string, size = 1): KubeObject => ({
  apiVersion: 'test/v1',
  kind: 'Thing',
  metadata: { name, namespace: 'a' },
  size,
});

interface Reflected {
  readonly cluster: FakeCluster;
  readonly clock: FakeClock;
  readonly reflector: Reflector;
  readonly heard: KubeChange[];
  readonly turned: () => number;
  /** Lets promises settle and pauses pass until it holds. */
  readonly until: (holds: () => boolean) => Promise<void>;
}

function reflect(cluster = new FakeCluster()): Reflected {
  const clock = new FakeClock();
  const heard: KubeChange[] = [];
  let turned = 0;
  const reflector = new Reflector({
    kube: cluster,
    type: THINGS,
    clock,
    random: seededRandom(1),
    heard: (change) => heard.push(change),
    turned: () => (turned += 1),
  });
  onTestFinished(() => reflector.close());
  const until = async (holds: () => boolean): Promise<void> => {
    for (let tries = 0; tries < 2000 && !holds(); tries += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (!holds()) clock.advance(100);
    }
    expect(holds()).toBe(true);
  };
  return { cluster, clock, reflector, heard, turned: () => turned, until };
}

const told = (heard: readonly KubeChange[]): string[] => heard.map(({ kind, key }) => `${kind} ${key}`);

describe('what is reflected', () => {
  it('is whole after the first list, and follows what happens', async () => {
    const { cluster, reflector, heard, until } = reflect();
    cluster.set(thing('x'));
    await until(() => reflector.isSynced);
    cluster.set(thing('y'));
    cluster.set(thing('x', 2));
    cluster.remove('a/y');
    await until(() => reflector.objects.size === 1 && heard.length > 3);
    expect(told(heard)).toEqual(['new a/x', 'new a/y', 'changed a/x', 'gone a/y']);
    expect(reflector.objects.get('a/x')).toMatchObject({ size: 2 });
    expect(cluster.lists).toBe(1);
  });

  it.each(['in order', 'torn'] as const)('goes on where it was when the watch ends %s', async (how) => {
    const { cluster, reflector, until } = reflect();
    await until(() => cluster.watches === 1);
    cluster.cut(how);
    cluster.set(thing('x'));
    await until(() => reflector.objects.has('a/x'));
    expect(cluster.lists).toBe(1);
    expect(reflector.trouble).toBeUndefined();
  });

  it('is read anew when the server has forgotten, and only differences are told', async () => {
    const { cluster, reflector, heard, until } = reflect();
    for (const name of ['kept', 'lost', 'changed', 'remade']) cluster.set(thing(name));
    await until(() => cluster.watches === 1);
    heard.length = 0;
    cluster.isDown = true;
    cluster.cut('torn');
    cluster.remove('a/lost');
    cluster.set(thing('changed', 2));
    cluster.remove('a/remade');
    cluster.set(thing('remade'));
    cluster.set(thing('fleeting'));
    cluster.remove('a/fleeting');
    cluster.compact();
    await until(() => reflector.trouble !== undefined);
    cluster.isDown = false;
    await until(() => reflector.trouble === undefined && cluster.lists === 2 && cluster.watches > 2);
    expect(told(heard).toSorted()).toEqual(['changed a/changed', 'gone a/lost', 'gone a/remade', 'new a/remade']);
  });

  it('needs no new list after a quiet time, because of bookmarks', async () => {
    const { cluster, reflector, clock, until } = reflect();
    await until(() => cluster.watches === 1);
    cluster.objects.set('a/other', thing('other'));
    cluster.mark();
    await until(() => true);
    clock.advance(seconds(2));
    cluster.cut('in order');
    await until(() => cluster.watches === 2);
    expect(cluster.lists).toBe(1);
    expect(reflector.trouble).toBeUndefined();
  });

  it('stays while the server is down, which is said once and taken back', async () => {
    const { cluster, clock, reflector, turned, until } = reflect();
    cluster.set(thing('x'));
    await until(() => cluster.watches === 1);
    const before = turned();
    cluster.isDown = true;
    cluster.cut('torn');
    await until(() => reflector.trouble?.code === 'kube-unreachable');
    await until(() => cluster.watches > 8);
    expect(clock.monotonic()).toBeGreaterThan(seconds(20));
    expect([...reflector.objects.keys()]).toEqual(['a/x']);
    cluster.isDown = false;
    cluster.set(thing('y'));
    await until(() => reflector.trouble === undefined && reflector.objects.size === 2);
    expect(turned() - before).toBe(2);
  });

  it('does not ask without a pause when every watch ends at once', async () => {
    const { cluster, clock, until } = reflect();
    await until(() => cluster.watches === 1);
    const asked = cluster.watches;
    const began = clock.monotonic();
    for (let times = 0; times < 20; times += 1) {
      const before = cluster.watches;
      cluster.cut('in order');
      await until(() => cluster.watches > before);
    }
    expect(cluster.watches - asked).toBe(20);
    expect(clock.monotonic() - began).toBeGreaterThan(20 * 250 - 1);
  });

  it('tells nothing after it is closed, and leaves no timer', async () => {
    const { cluster, clock, reflector, heard, until } = reflect();
    await until(() => cluster.watches === 1);
    await reflector.close();
    await reflector.close();
    cluster.set(thing('x'));
    await vi.waitFor(() => expect(clock.timers).toBe(0));
    expect(heard).toEqual([]);
  });

  it('is closed at once in a pause', async () => {
    const cluster = new FakeCluster();
    cluster.isDown = true;
    const { clock, reflector, until } = reflect(cluster);
    await until(() => reflector.trouble !== undefined);
    await reflector.close();
    expect(clock.timers).toBe(0);
  });
});

const step = fc.oneof(
  fc.record({ do: fc.constant('set' as const), name: fc.constantFrom('x', 'y', 'z'), size: fc.nat(9) }),
  fc.record({ do: fc.constant('remove' as const), name: fc.constantFrom('x', 'y', 'z') }),
  fc.constantFrom(
    { do: 'mark' as const },
    { do: 'compact' as const },
    { do: 'torn' as const },
    { do: 'in order' as const },
    { do: 'down' as const },
    { do: 'up' as const },
    { do: 'settle' as const },
  ),
);

it('ends with what is there, whatever happened, and what was told adds up to it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { cluster, reflector, heard, until } = reflect();
      for (const next of steps) {
        if (next.do === 'set') cluster.set(thing(next.name, next.size));
        else if (next.do === 'remove') cluster.remove(`a/${next.name}`);
        else if (next.do === 'mark') cluster.mark();
        else if (next.do === 'compact') cluster.compact();
        else if (next.do === 'down' || next.do === 'up') cluster.isDown = next.do === 'down';
        else if (next.do === 'settle') await until(() => reflector.isSynced || cluster.isDown);
        else cluster.cut(next.do);
      }
      cluster.isDown = false;
      cluster.set(thing('last'));
      await until(() => reflector.objects.has('a/last'));
      expect(new Map(reflector.objects)).toEqual(cluster.objects);
      const added = new Map<string, KubeObject>();
      for (const change of heard) {
        expect(added.has(change.key)).toBe(change.kind !== 'new');
        if (change.kind === 'gone') added.delete(change.key);
        else added.set(kubeKey(change.object.metadata), change.object);
      }
      expect(added).toEqual(cluster.objects);
      await reflector.close();
    }),
    { numRuns: 60 },
  );
});

it('pauses longer after each failure, up to ten seconds, and never the same', () => {
  const random = seededRandom(3);
  const pauses = [1, 2, 3, 4, 5, 6, 7, 8, 50].map((failures) => pauseAfter(failures, random));
  const whole = [0.5, 1, 2, 4, 8, 10, 10, 10, 10].map((count) => seconds(count));
  pauses.forEach((pause, at) => {
    expect(pause).toBeGreaterThanOrEqual((whole[at] ?? 0) / 2);
    expect(pause).toBeLessThanOrEqual(whole[at] ?? 0);
  });
  expect(new Set(pauses).size).toBe(pauses.length);
});
