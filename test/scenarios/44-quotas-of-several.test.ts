/**
 * Quotas that two processes count together in one Redis, on a clock that the test moves.
 */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Duration, hours, minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { openRedis } from '#lib/redis/redis.ts';
import { type QuotaClaim, Quotas } from '#mta/accept/quota.ts';
import { SharedQuotas } from '#mta/accept/shared-quota.ts';
import { RedisOnClock } from '../harness/redis-on-clock.ts';
import { RedisServer } from '../harness/redis.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
let server: RedisServer;
let worlds = 0;
const opened: RedisOnClock[] = [];

beforeAll(async () => {
  server = await RedisServer.start(scene);
});
afterEach(() => {
  for (const it of opened.splice(0)) it.close();
});

const WINDOWS = {
  hour: { length: hours(1), part: minutes(5) },
  day: { length: hours(24), part: hours(1) },
} as const;
type WindowName = keyof typeof WINDOWS;

const limited = (window: WindowName, limit: number, subject = 'credential a'): QuotaClaim => ({
  subject,
  quota: window === 'hour' ? { perHour: limit } : { perDay: limit },
});

class World {
  readonly clock = new FakeClock();
  readonly #prefix = `test ${(worlds += 1)}`;
  readonly processes = ['one', 'two'].map((holder) => {
    const redis = new RedisOnClock(openRedis({ url: server.url, patience: seconds(5) }), this.clock);
    opened.push(redis);
    const options = { redis, holder, own: new Quotas(), prefix: this.#prefix, processes: 2 };
    return { redis, quotas: new SharedQuotas(options) };
  });

  /** Both are there, and the roll call is over. */
  static async open(): Promise<World> {
    const world = new World();
    await world.ready();
    return world;
  }

  async ready(): Promise<void> {
    await until('both have a connection', () => this.processes.every(({ redis }) => redis.isReady));
    await this.settle();
    await this.take(0, [limited('hour', 1, 'somebody else')], 1);
    this.clock.advance(seconds(3));
  }

  /** Whether it was taken, or why not. */
  async take(at: number, claims: readonly QuotaClaim[], amount: number) {
    return (await this.processes[at]?.quotas.take(claims, amount, this.clock.now())) ?? 'taken';
  }

  async takeOften(at: number, claims: readonly QuotaClaim[], times: number): Promise<number> {
    let taken = 0;
    for (let time = 0; time < times; time += 1) if ((await this.take(at, claims, 1)) === 'taken') taken += 1;
    return taken;
  }

  async settle(): Promise<void> {
    await Promise.all(this.processes.map(({ redis }) => redis.settle()));
  }
}

describe.each(['hour', 'day'] as const)('a quota per %s of two processes', (window) => {
  const { length, part } = WINDOWS[window];

  test.each([1, 2, 3, 4])(
    'is never passed in any stretch of that length, and frees at most one part late (%i)',
    async (seed) => {
      const world = await World.open();
      const random = seededRandom(seed);
      const upTo = (most: number): number => Math.floor(random.fraction() * most) + 1;
      const limit = upTo(20);
      const sent: { at: Duration; amount: number }[] = [];
      const sumSince = (from: Duration): number =>
        sent.filter(({ at }) => at > from).reduce((sum, { amount }) => sum + amount, 0);
      for (let step = 0; step < 80; step += 1) {
        world.clock.advance(upTo(length / 8));
        const at = world.clock.now();
        const amount = upTo(6);
        const counting = sumSince(at - length - part);
        const isTaken = (await world.take(step % 2, [limited(window, limit)], amount)) === 'taken';
        if (isTaken) sent.push({ at, amount });
        expect(sumSince(at - length)).toBeLessThanOrEqual(limit);
        expect(isTaken || counting + amount > limit).toBe(true);
      }
    },
  );
});

test('what one has counted the other refuses, and says until when', async () => {
  const world = await World.open();
  const claims = [limited('hour', 3)];
  expect(await world.takeOften(0, claims, 2)).toBe(2);
  const alone = new Quotas();
  for (const amount of [1, 1]) alone.take(claims, amount, world.clock.now());
  expect(await world.take(1, claims, 2)).toEqual(alone.take(claims, 2, world.clock.now()));
  expect(await world.take(1, claims, 4)).toMatchObject({ limit: 3, retryAfter: 'never' });
  expect(await world.take(1, claims, 1)).toBe('taken');
});

test('a message is counted for each of its claims, or for none', async () => {
  const world = await World.open();
  const [wide, narrow] = [limited('day', 10, 'domain a'), limited('hour', 1)];
  expect(await world.take(0, [wide, narrow], 1)).toBe('taken');
  expect(await world.take(1, [wide, narrow], 1)).toMatchObject({ subject: 'credential a', window: 'hour' });
  expect(await world.takeOften(1, [wide], 20)).toBe(9);
});

test('what came to nothing may be taken by the other', async () => {
  const world = await World.open();
  const claims = [limited('hour', 1)];
  const then = world.clock.now();
  expect(await world.take(0, claims, 1)).toBe('taken');
  world.processes[0]?.quotas.giveBack(claims, 1, then);
  await world.settle();
  expect(await world.take(1, claims, 1)).toBe('taken');
  expect(await world.take(0, claims, 1)).toMatchObject({ limit: 1 });
});

test('without Redis each goes on with its part of what was left, and what it counted then counts when Redis is back', async () => {
  const world = await World.open();
  const claims = [limited('day', 20)];
  expect(await world.takeOften(0, claims, 7)).toBe(7);
  expect(await world.takeOften(1, claims, 1)).toBe(1);
  expect(await world.takeOften(0, claims, 1)).toBe(1);
  for (const { redis } of world.processes) redis.isCut = true;
  expect(await world.takeOften(0, claims, 30)).toBe(5);
  expect(await world.takeOften(1, claims, 30)).toBe(6);
  expect(await world.take(1, claims, 1)).toMatchObject({ limit: 20, window: 'day' });
  for (const { redis } of world.processes) redis.isCut = false;
  await world.settle();
  expect((await world.takeOften(0, claims, 9)) + (await world.takeOften(1, claims, 9))).toBe(0);
});

test('without Redis a process that has counted nothing allows its part', async () => {
  const world = await World.open();
  for (const { redis } of world.processes) redis.isCut = true;
  expect(await world.takeOften(1, [limited('day', 20), limited('hour', 15)], 30)).toBe(7);
  expect(await world.take(1, [limited('hour', 15)], 1)).toMatchObject({ limit: 15, retryAfter: minutes(5) });
});

test('a Redis that begins empty is told what was counted before it counts', async () => {
  const world = await World.open();
  const claims = [limited('hour', 30), limited('day', 30)];
  expect(await world.takeOften(0, claims, 7)).toBe(7);
  expect(await world.takeOften(1, claims, 8)).toBe(8);
  await server.kill();
  await until('both have noticed', () => world.processes.every(({ redis }) => !redis.isReady));
  await server.startAgain();
  await world.ready();
  expect((await world.takeOften(0, claims, 30)) + (await world.takeOften(1, claims, 30))).toBe(15);
});

test('a message without a quota asks nobody', () => {
  const world = new World();
  expect(world.processes[0]?.quotas.take([{ subject: 'credential a', quota: {} }], 1, 0)).toBeUndefined();
});
