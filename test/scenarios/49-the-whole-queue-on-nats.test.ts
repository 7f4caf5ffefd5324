/**
 * What people ask about the queue, and do to it, reaches every shard, whichever process holds it; what nobody answers for is named.
 */
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { hours, minutes } from '#lib/run/clock.ts';
import type { Opened } from '#mta/queue/jetstream/open.ts';
import { newName, openQueue } from '../harness/jetstream.ts';
import { Nats } from '../harness/nats.ts';
import { aMessage } from '../harness/queue.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const SHARDS = 8;
const HOLD = minutes(10);
const scene = openScene();
let nats: Nats;
beforeAll(async () => {
  nats = await Nats.start(scene);
});

const laneOf = (domain: string): string => `default default/main ${domain}`;
const domains = Array.from({ length: 40 }, (_, at) => `d${at}.test`);

/** One that holds nothing, and two that hold half of the shards each. */
async function openThree(clock: FakeClock): Promise<[asking: Opened, even: Opened, odd: Opened]> {
  const name = newName();
  const open = async (): Promise<Opened> => {
    const opened = await openQueue(nats, name, clock, { shards: SHARDS });
    onTestFinished(() => opened.close().catch(() => undefined));
    return opened;
  };
  const three: [Opened, Opened, Opened] = [await open(), await open(), await open()];
  for (let shard = 0; shard < SHARDS; shard += 1) await three[1 + (shard % 2)]?.queue.claim(shard);
  return three;
}

const arrived = (holders: readonly Opened[], count: number): Promise<unknown> =>
  until('all have arrived', () => {
    const depths = holders.flatMap((it) => it.queue.depth());
    return depths.reduce((sum, it) => sum + it.depth, 0) === count;
  });

test('all that waits is counted, listed, looked at and moved from a process that holds nothing', async () => {
  const clock = new FakeClock();
  const [{ queue: asking }, even, odd] = await openThree(clock);
  const put = aMessage({ recipients: domains.map((it) => `r@${it}`) });
  await asking.put(put);
  await asking.put(aMessage({ tenant: 'other', recipients: ['one@d7.test'] }));
  await arrived([even, odd], 41);

  const { everywhere } = asking;
  const depths = await everywhere.depth();
  expect(depths.missing).toEqual([]);
  expect(depths.found.map((it) => it.lane).toSorted()).toEqual(
    [...domains.map(laneOf), 'other default/main d7.test'].toSorted(),
  );
  const listed = await everywhere.list({ tenant: 'default' }, 100);
  expect(listed.found.map((it) => it.lane)).toEqual(domains.map(laneOf).toSorted());
  expect((await everywhere.list({ domain: 'd7.test' }, 100)).found).toHaveLength(2);
  expect((await everywhere.list({}, 5)).found).toHaveLength(5);
  expect(await everywhere.glance(laneOf('d3.test'))).toMatchObject({
    found: { suspended: 0, latest: { message: put.id } },
  });

  expect(await everywhere.move({ tenant: 'default' }, { kind: 'suspend' })).toEqual({ found: 40, missing: [] });
  expect((await everywhere.list({}, 100)).found.filter((it) => it.state === 'suspended')).toHaveLength(40);
  expect(await everywhere.move({ domain: 'd3.test' }, { kind: 'resume' })).toEqual({ found: 1, missing: [] });
  expect(await everywhere.glance(laneOf('d4.test'))).toMatchObject({ found: { suspended: 1 } });
  expect(await everywhere.move({ lane: laneOf('d5.test') }, { kind: 'reroute', pool: 'default/warm' })).toEqual({
    found: 1,
    missing: [],
  });
  expect((await everywhere.list({ pool: 'default/warm' }, 10)).found).toHaveLength(1);
});

test('what is cancelled ends in every shard but where it is leased, and is told of where it was asked', async () => {
  const clock = new FakeClock();
  const [{ queue: asking }, even, odd] = await openThree(clock);
  const put = aMessage({ recipients: domains.map((it) => `r@${it}`) });
  await asking.put(put);
  await arrived([even, odd], 40);
  const held = even.queue.depth()[0]?.lane ?? '';
  let leased = 0;
  for (let shard = 0; shard < SHARDS; shard += 2)
    leased += (await even.queue.lease(await even.queue.claim(shard), held, 1, HOLD)).length;
  expect(leased).toBe(1);
  const cancelling = { tenant: 'default', message: put.id, by: 'default.app' };
  expect(await asking.cancel({ ...cancelling, tenant: 'other' })).toEqual([]);
  const events = await asking.cancel(cancelling);
  expect(events.map((it) => it.recipient).toSorted()).toEqual(
    domains
      .filter((it) => laneOf(it) !== held)
      .map((it) => `r@${it}`)
      .toSorted(),
  );
  expect(await asking.cancel(cancelling)).toEqual([]);
  expect((await asking.everywhere.list({ message: put.id }, 100)).found.map((it) => it.lane)).toEqual([held]);
});

test('a list of thousands comes whole', async () => {
  const clock = new FakeClock();
  const [{ queue: asking }, even, odd] = await openThree(clock);
  const names = Array.from({ length: 40 }, (_, at) => `a-rather-long-name-of-somebody-${at}`);
  const put = Array.from({ length: 50 }, (_, at) => names.map((it) => `${it}.${at}@d1.test`));
  await Promise.all(put.map((recipients) => asking.put(aMessage({ recipients }))));
  await arrived([even, odd], 2000);
  const { found, missing } = await asking.everywhere.list({}, 10_000);
  expect([found.length, missing]).toEqual([2000, []]);
  expect(new Set(found.map((it) => it.recipient)).size).toBe(2000);
});

test('a shard that nobody answers for is named, all others are reached, and it is found again with whoever takes it', async () => {
  const clock = new FakeClock();
  const [{ queue: asking }, even, odd] = await openThree(clock);
  const put = aMessage({ recipients: domains.map((it) => `r@${it}`), notBefore: clock.now() + hours(1) });
  await asking.put(put);
  await arrived([even, odd], 40);
  const [inEven, inOdd] = [even, odd].map((it) => it.queue.depth().length);
  await odd.close();

  const depths = await asking.everywhere.depth();
  expect(depths.found).toHaveLength(inEven ?? 0);
  expect(depths.missing).toHaveLength(SHARDS / 2);
  expect(depths.missing[0]).toMatch(/^shard 1: no worker answers for it: .* ask again/);
  const cancelling = { tenant: 'default', message: put.id, by: 'default.app' };
  expect(await asking.cancel(cancelling)).toHaveLength(inEven ?? 0);
  await expect(asking.cancel(cancelling)).rejects.toMatchObject({
    code: 'storage-unanswered',
    message: expect.stringMatching(/^shard 1: no worker answers/),
  });
  for (let shard = 1; shard < SHARDS; shard += 2) await even.queue.claim(shard);
  expect(await asking.cancel(cancelling)).toHaveLength(inOdd ?? 0);
  expect(await asking.everywhere.depth()).toEqual({ found: [], missing: [] });
});

test('who lost a shard and has not heard of it does not answer for it', async () => {
  const clock = new FakeClock();
  const [{ queue: asking }, even, odd] = await openThree(clock);
  await asking.put(aMessage({ recipients: domains.map((it) => `r@${it}`) }));
  await arrived([even, odd], 40);
  for (let shard = 0; shard < SHARDS; shard += 2) await odd.queue.claim(shard);
  expect(await asking.everywhere.move({}, { kind: 'suspend' })).toEqual({ found: 40, missing: [] });
  expect((await asking.everywhere.list({}, 100)).found.every((it) => it.state === 'suspended')).toBe(true);
});
