import { afterEach, beforeAll, expect, test } from 'vitest';
import { type Duration, hours, minutes, seconds } from '#lib/run/clock.ts';
import type { BudgetClaim, RateClaim, Slot, SlotClaim } from '#mta/schedule/limits/limits.ts';
import { limitsContract } from '#mta/schedule/limits/limits.contract.ts';
import { RedisServer } from '../harness/redis.ts';
import { openScene } from '../harness/scene.ts';
import { type Holder, SharedLimitsOnClock } from '../harness/shared-limits.ts';

const stage = openScene();
const opened: SharedLimitsOnClock[] = [];
let server: RedisServer;
let count = 0;

beforeAll(async () => {
  server = await RedisServer.start(stage);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((it) => it.close()));
});

async function open(holders: number) {
  const shared = await SharedLimitsOnClock.open(server, `test ${(count += 1)}`, holders);
  opened.push(shared);
  return shared;
}

limitsContract('on Redis', async () => {
  const shared = await open(2);
  const [one, two] = limitsOf(shared);
  return { clock: shared.clock, limits: one, other: two, settle: () => shared.settle() };
});

function limitsOf({ holders: [one, two] }: SharedLimitsOnClock) {
  if (!one || !two) throw new Error('there are two holders');
  return [one.limits, two.limits] as const;
}

const rate = (perMinute: number, burst?: number): RateClaim => ({
  kind: 'rate',
  name: `site of ${perMinute}`,
  rate: { count: perMinute, perSeconds: 60, ...(burst !== undefined && { burst }) },
});

/** Everything that holders are granted meanwhile, each asking every 20 ms or as often as is worth it. */
async function takeFor(shared: SharedLimitsOnClock, claim: RateClaim, length: Duration, holders = shared.holders) {
  const { clock } = shared;
  const end = clock.monotonic() + length;
  let sum = 0;
  while (clock.monotonic() < end) {
    const grants = holders.map(({ limits }) => limits.take([claim], 100));
    await shared.settle();
    sum += grants.reduce((all, { granted }) => all + granted, 0);
    const wait = Math.min(...grants.map((it) => Math.ceil(it.wait)));
    clock.advance(Math.min(Math.max(wait, 20), 1000, end - clock.monotonic()));
  }
  return sum;
}

function cut({ holders }: SharedLimitsOnClock, isCut: boolean): void {
  for (const { redis } of holders) redis.isCut = isCut;
}

async function connect(shared: SharedLimitsOnClock, { limits }: Holder, claim: SlotClaim): Promise<Slot | undefined> {
  for (let tries = 0; tries < 5; tries += 1) {
    const slot = limits.connect([claim]);
    if (!('full' in slot)) return slot;
    await shared.settle();
  }
  return undefined;
}

async function spend(shared: SharedLimitsOnClock, { limits }: Holder, claim: BudgetClaim, max: number) {
  let sum = 0;
  for (let tries = 0; tries < 5 && sum < max; tries += 1) {
    sum += limits.take([claim], max - sum).granted;
    await shared.settle();
  }
  return sum;
}

const SITE: SlotClaim = { name: 'site', most: 4 };
const today = ({ clock }: SharedLimitsOnClock, limit: number): BudgetClaim => ({
  kind: 'budget',
  name: 'day',
  limit,
  ends: clock.now() + hours(6),
});
const [first, second] = [0, 1].map((at) => (shared: SharedLimitsOnClock): Holder => {
  const holder = shared.holders[at];
  if (!holder) throw new Error('there are two holders');
  return holder;
}) as [(shared: SharedLimitsOnClock) => Holder, (shared: SharedLimitsOnClock) => Holder];

test.each([10, 6000, 120_000])('without Redis %i a minute go on between a quarter and the whole', async (perMinute) => {
  const shared = await open(4);
  const claim = rate(perMinute);
  await takeFor(shared, claim, seconds(20));
  cut(shared, true);
  await takeFor(shared, claim, seconds(3));
  const away = await takeFor(shared, claim, minutes(1));
  expect(away).toBeGreaterThanOrEqual(perMinute * 0.25);
  expect(away).toBeLessThanOrEqual(perMinute);
  cut(shared, false);
  await takeFor(shared, claim, seconds(3));
  const back = await takeFor(shared, claim, minutes(1));
  expect(back).toBeGreaterThanOrEqual(Math.floor(perMinute * 0.95));
  expect(back).toBeLessThanOrEqual(Math.max(perMinute * 1.05, perMinute + 1));
});

test('who sends to a site alone has half of it without Redis, and who comes then has a part of the rest', async () => {
  const shared = await open(4);
  const claim = rate(6000);
  await takeFor(shared, claim, seconds(5), shared.holders.slice(0, 1));
  cut(shared, true);
  await takeFor(shared, claim, seconds(3), shared.holders.slice(0, 1));
  const alone = await takeFor(shared, claim, minutes(1), shared.holders.slice(0, 1));
  expect(alone / 6000).toBeCloseTo(0.5, 1);
  const all = await takeFor(shared, claim, minutes(1));
  expect(all).toBeLessThanOrEqual(6000);
  expect(all).toBeGreaterThan(alone);
});

test.each([
  { what: 'killed, and empty again' },
  { what: 'set back by an hour', skew: -hours(1) },
  { what: 'set ahead by an hour', skew: hours(1) },
])('a Redis that is $what grants no window more than the limit and its burst', async ({ skew = 0 }) => {
  const shared = await open(2);
  const claim = rate(10, 3);
  const grants: number[] = [];
  for (let at = 0; at < 90; at += 1) {
    if (at === 7 || at === 40) {
      if (skew === 0) {
        await server.kill();
        await server.startAgain();
        await shared.reachable();
      }
      for (const { redis } of shared.holders) redis.skew += skew;
    }
    grants.push(await takeFor(shared, claim, seconds(2)));
  }
  const windows = grants.map((_, at) => grants.slice(at, at + 30).reduce((sum, it) => sum + it, 0));
  expect(Math.max(...windows)).toBeLessThanOrEqual(13);
  expect(windows[50]).toBeGreaterThanOrEqual(9);
});

test('a Redis that begins empty is told what is open and spent before it grants anything', async () => {
  const shared = await open(2);
  const claim = today(shared, 100);
  for (const of of [first, second]) {
    await connect(shared, of(shared), SITE);
    await connect(shared, of(shared), SITE);
  }
  let spent = (await spend(shared, first(shared), claim, 20)) + (await spend(shared, second(shared), claim, 17));
  await server.kill();
  await server.startAgain();
  await shared.reachable();
  expect(await connect(shared, first(shared), SITE)).toBeUndefined();
  expect(await connect(shared, second(shared), SITE)).toBeUndefined();
  await shared.pass(seconds(5));
  expect(await connect(shared, first(shared), SITE)).toBeUndefined();
  for (const of of [first, second, first, second]) {
    spent += await spend(shared, of(shared), claim, 100);
    await shared.pass(minutes(1));
  }
  expect(spent).toBe(100);
});

test('a budget is not spent twice when everybody and Redis begin anew, nor while Redis is away', async () => {
  const shared = await open(1);
  const claim = today(shared, 80);
  expect(await spend(shared, first(shared), claim, 30)).toBe(30);
  cut(shared, true);
  await shared.pass(seconds(5));
  const away = await spend(shared, first(shared), claim, 100);
  expect(away).toBeLessThanOrEqual(50);
  const kept = first(shared).notebook.reopened();
  await shared.close();
  shared.holders.pop();
  await server.kill();
  await server.startAgain();
  const next = shared.join('next', kept);
  await shared.reachable();
  await shared.pass(seconds(5));
  expect(30 + away + (await spend(shared, next, claim, 100))).toBeLessThanOrEqual(80);
});

test('without Redis connections that were open may be opened again, and no others under their name', async () => {
  const shared = await open(2);
  const slots = [await connect(shared, first(shared), SITE), await connect(shared, first(shared), SITE)];
  cut(shared, true);
  await shared.pass(seconds(5));
  expect(await connect(shared, first(shared), SITE)).toBeUndefined();
  slots[0]?.release();
  expect(await connect(shared, first(shared), SITE)).toBeDefined();
  expect(await connect(shared, first(shared), { name: 'another', most: 8 })).toBeDefined();
});

test('what a holder that died had open is free within the lease', async () => {
  const shared = await open(2);
  for (let at = 0; at < 4; at += 1) await connect(shared, first(shared), SITE);
  expect(await connect(shared, second(shared), SITE)).toBeUndefined();
  first(shared).redis.isCut = true;
  await shared.pass(seconds(5));
  expect(await connect(shared, second(shared), SITE)).toBeUndefined();
  await shared.pass(seconds(6));
  expect(await connect(shared, second(shared), SITE)).toBeDefined();
});

test('the only connection under a name goes from one to the other', async () => {
  const shared = await open(2);
  const only: SlotClaim = { name: 'narrow', most: 1 };
  const turns: number[] = [];
  let slots: (Slot | undefined)[] = [undefined, undefined];
  for (let at = 0; at < 60; at += 1) {
    slots = await Promise.all(
      shared.holders.map(async (holder, of) => {
        if (slots[of]?.isWanted !== true) return slots[of] ?? connect(shared, holder, only);
        slots[of].release();
        return undefined;
      }),
    );
    expect(slots.filter((it) => it !== undefined).length).toBeLessThanOrEqual(1);
    turns.push(slots.findIndex((it) => it !== undefined));
    await shared.pass(seconds(1));
  }
  for (const of of [0, 1]) expect(turns.filter((it) => it === of).length).toBeGreaterThan(15);
});

test('who has more than its share gives way to who has nothing', async () => {
  const shared = await open(2);
  const slots: (Slot | undefined)[] = [];
  for (let at = 0; at < 4; at += 1) slots.push(await connect(shared, first(shared), SITE));
  for (let at = 0; at < 8; at += 1) {
    expect(await connect(shared, second(shared), SITE)).toBeUndefined();
    await shared.pass(seconds(1));
    if (slots.some((it) => it?.isWanted)) break;
  }
  expect(slots.map((it) => it?.isWanted)).toEqual([true, false, false, false]);
  slots[0]?.release();
  await shared.settle();
  expect(await connect(shared, first(shared), SITE)).toBeUndefined();
  await shared.pass(seconds(1));
  expect(await connect(shared, second(shared), SITE)).toBeDefined();
});

test('that Redis is away is told once, also when it was never there, and that it is back', async () => {
  const shared = await open(1);
  const { told, redis, limits } = first(shared);
  expect(told).toEqual([undefined]);
  redis.isCut = true;
  limits.connect([SITE]);
  await shared.pass(seconds(9));
  redis.isCut = false;
  await shared.pass(seconds(2));
  expect(told).toEqual([undefined, expect.stringContaining('away'), undefined]);

  const late = shared.join('late');
  late.redis.isCut = true;
  await shared.pass(seconds(9));
  expect(late.told).toEqual([expect.stringContaining('away')]);
});

test('names that are not used any more are forgotten, here and there', async () => {
  const shared = await open(1);
  const { limits, redis } = first(shared);
  for (let at = 0; at < 3000; at += 1) {
    limits.take([{ ...rate(60), name: `site ${at}` }], 1);
    limits.take([{ ...today(shared, 5), name: `day ${at}`, ends: shared.clock.now() + minutes(1) }], 1);
    const slot = limits.connect([{ name: `at ${at}`, most: 2 }]);
    if ('release' in slot) slot.release();
    await shared.pass(100);
  }
  await shared.pass(minutes(2));
  expect(limits.size).toBe(0);
  const forEver = `
    local kept = {}
    for _, key in ipairs(redis.call('KEYS', '*')) do
      if redis.call('TTL', key) < 0 then table.insert(kept, string.match(key, ':(%w+)$') or key) end
    end
    return kept`;
  const kept = new Set((await redis.run({ name: 'forEver', lua: forEver }, [], [])) as string[]);
  expect([...kept].filter((it) => !['server', 'holders', 'wanted'].includes(it))).toEqual([]);
});
