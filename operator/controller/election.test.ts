import { describe, expect, test } from 'vitest';
import type { Kube, KubeObject, KubeType } from '#lib/kube/kube.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { Election } from './election.ts';

/** One lease, with versions; it fails while `isAway`, and answers late while `delay` says so. */
class LeaseServer implements Pick<Kube, 'get' | 'create' | 'replace'> {
  lease: KubeObject | undefined;
  isAway = false;
  #version = 0;

  async get(): Promise<KubeObject | undefined> {
    if (this.isAway) throw new Error('away');
    return this.lease;
  }

  async create(_: KubeType, object: KubeObject) {
    if (this.lease) return { kind: 'exists' } as const;
    return this.#keep(object);
  }

  async replace(_: KubeType, object: KubeObject) {
    const isStale = object.metadata.resourceVersion !== this.lease?.metadata.resourceVersion;
    return isStale ? ({ kind: 'conflict', message: '' } as const) : this.#keep(object);
  }

  #keep(object: KubeObject) {
    this.#version += 1;
    this.lease = { ...object, metadata: { ...object.metadata, uid: 'one', resourceVersion: `${this.#version}` } };
    return { kind: 'written', object: this.lease } as const;
  }
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

/** Moves time on by seconds, in steps that let everybody act. */
async function pass(clock: FakeClock, seconds: number): Promise<void> {
  for (let at = 0; at < seconds * 2; at += 1) {
    await settle();
    clock.advance(500);
  }
  await settle();
}

function stage() {
  const clock = new FakeClock();
  const server = new LeaseServer();
  const told: string[] = [];
  const candidate = (identity: string, kube: LeaseServer = server): Election =>
    new Election({
      kube,
      clock,
      random: seededRandom(1),
      namespace: 'mail',
      name: 'operator',
      identity,
      began: () => told.push(`${identity} began`),
      lost: () => told.push(`${identity} lost`),
      troubled: () => undefined,
    });
  return { clock, server, told, candidate };
}

describe('an election', () => {
  test('has one leader, for as long as it lives', async () => {
    const { clock, told, candidate } = stage();
    const [one, two] = [candidate('one'), candidate('two')];
    await pass(clock, 120);
    expect([told, one.isLeading, two.isLeading]).toEqual([['one began'], true, false]);
  });

  test('has the next leader within seconds of the end of the last', async () => {
    const { clock, told, candidate } = stage();
    const one = candidate('one');
    candidate('two');
    await pass(clock, 10);
    await one.close();
    await pass(clock, 3);
    expect(told).toEqual(['one began', 'two began']);
  });

  test('never has two who think that they lead: who cannot renew gives up before another takes over', async () => {
    const { clock, server, told, candidate } = stage();
    const cut = new LeaseServer();
    cut.get = () => (cut.isAway ? Promise.reject(new Error('away')) : server.get());
    cut.create = (type, object) => server.create(type, object);
    cut.replace = (type, object) => server.replace(type, object);
    const [one, two] = [candidate('one', cut), candidate('two')];
    await pass(clock, 5);
    cut.isAway = true;
    for (let second = 0; second < 30; second += 1) {
      await pass(clock, 1);
      expect([one.isLeading, two.isLeading]).not.toEqual([true, true]);
    }
    cut.isAway = false;
    await pass(clock, 60);
    expect([told, one.isLeading]).toEqual([['one began', 'one lost', 'two began'], false]);
  });

  test('is seen to be lost by who was held up, before anything else happens', async () => {
    const { clock, candidate } = stage();
    const one = candidate('one');
    await settle();
    expect(one.isLeading).toBe(true);
    clock.advance(10_000);
    expect(one.isLeading).toBe(false);
  });

  test('goes on through a server that is away for some seconds', async () => {
    const { clock, server, told, candidate } = stage();
    const one = candidate('one');
    await pass(clock, 5);
    server.isAway = true;
    await pass(clock, 6);
    server.isAway = false;
    await pass(clock, 60);
    expect([told, one.isLeading]).toEqual([['one began'], true]);
  });

  test('goes on when one request is never answered', async () => {
    const { clock, server, told, candidate } = stage();
    const one = candidate('one');
    await pass(clock, 5);
    for (const what of ['get', 'replace'] as const) {
      Object.assign(server, { [what]: () => new Promise(() => undefined) });
      await pass(clock, 3);
      Reflect.deleteProperty(server, what);
      await pass(clock, 30);
    }
    expect([told, one.isLeading]).toEqual([['one began'], true]);
    await one.close();
    expect(clock.timers).toBe(0);
  });

  test('does not take an answer for its own that came after it had asked again', async () => {
    const { clock, server, told, candidate } = stage();
    const late: (() => void)[] = [];
    server.get = () => new Promise((resolve) => late.push(() => resolve(server.lease)));
    const one = candidate('one');
    await pass(clock, 30);
    await Promise.all([one.close(), pass(clock, 6)]);
    for (const answer of late) answer();
    await pass(clock, 10);
    expect([told, server.lease]).toEqual([[], undefined]);
  });

  test('leaves the lease of another alone when it ends', async () => {
    const { clock, server, candidate } = stage();
    const one = candidate('one');
    const two = candidate('two');
    await pass(clock, 5);
    await two.close();
    expect(server.lease?.['spec']).toMatchObject({ holderIdentity: 'one' });
    await one.close();
    expect([server.lease?.['spec'], clock.timers]).toMatchObject([{ holderIdentity: '' }, 0]);
  });
});
