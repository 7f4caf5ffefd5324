/**
 * Several processes on one queue: whoever takes a shard has it, and what the one before still says is refused.
 */
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { hours, minutes } from '#lib/run/clock.ts';
import { domainOf } from '#mta/mail/message.ts';
import { reply } from '#mta/mail/reply.ts';
import { shardOf } from '#mta/queue/jetstream/layout.ts';
import type { OpenOptions } from '#mta/queue/jetstream/open.ts';
import type { Claim, Lease, Queue, Settlement } from '#mta/queue/queue.ts';
import { newName, openQueue } from '../harness/jetstream.ts';
import { Nats } from '../harness/nats.ts';
import { aMessage } from '../harness/queue.ts';
import { openScene } from '../harness/scene.ts';
import { settlementOf } from '../harness/settlement.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
let nats: Nats;
beforeAll(async () => {
  nats = await Nats.start(scene);
});

const HOLD = minutes(10);
const laneOf = (domain: string): string => `default default/main ${domain}`;

/** Processes on one queue of so many shards. */
async function openAll(count: number, shards: number, clock: FakeClock): Promise<Queue[]> {
  const name = newName();
  const queues: Queue[] = [];
  for (let at = 0; at < count; at += 1) {
    const opened = await openQueue(nats, name, clock, { shards });
    onTestFinished(() => opened.close());
    queues.push(opened.queue);
  }
  return queues;
}

const delivered = (lease: Lease): Settlement =>
  settlementOf(lease, { kind: 'delivered', reply: reply(250, '2.0.0', 'ok') });

test('what the holder before settles, intends and moves is refused, and the new one has all of it', async () => {
  const [ingress, first, second] = await openAll(3, 1, new FakeClock());
  if (!ingress || !first || !second) throw new Error('three are open');
  for (let at = 0; at < 3; at += 1) await ingress.put(aMessage());
  const old = await first.claim(0);
  const [one, two] = await first.lease(old, laneOf('dest.test'), 3, HOLD);
  if (!one || !two) throw new Error('three are due');
  expect(await first.settle(old, [delivered(one)])).toEqual([]);
  const claim = await second.claim(0);
  expect(await first.intend(old, two)).toBe(false);
  expect(await first.settle(old, [delivered(two)])).toHaveLength(1);
  expect(await first.lease(old, laneOf('dest.test'), 3, HOLD)).toEqual([]);
  const leases = await second.lease(claim, laneOf('dest.test'), 3, HOLD);
  expect(leases).toHaveLength(2);
  expect(await second.settle(claim, leases.map(delivered))).toEqual([]);
  expect(second.depth()).toEqual([]);
});

test('a holder that hears nothing of its loss writes nothing more, whatever it tries first', async () => {
  const [first, second] = await openAll(2, 1, new FakeClock());
  if (!first || !second) throw new Error('two are open');
  const old = await first.claim(0);
  const put = aMessage();
  await first.put(put);
  const claim = await second.claim(0);
  await expect(first.move(old, {}, { kind: 'suspend' })).rejects.toMatchObject({ code: 'claim-lost' });
  expect(await second.lease(claim, laneOf('dest.test'), 3, HOLD)).toHaveLength(1);
});

test('mail goes to the holders of its shards, wherever it was put, each recipient to one of them', async () => {
  const [ingress, first, second] = await openAll(3, 8, new FakeClock());
  if (!ingress || !first || !second) throw new Error('three are open');
  const claims = await Promise.all(
    Array.from({ length: 8 }, async (_, shard): Promise<[Queue, Claim]> => {
      const holder = shard % 2 === 0 ? first : second;
      return [holder, await holder.claim(shard)];
    }),
  );
  const recipients = Array.from({ length: 40 }, (_, at) => `r@d${at}.test`);
  const put = aMessage({ recipients, raw: Buffer.alloc(700_000, 'x') });
  await ingress.put(put);
  await ingress.put(aMessage({ recipients: ['one@d7.test'] }));
  const count = (queue: Queue): number => queue.depth().reduce((sum, it) => sum + it.depth, 0);
  await until('all have arrived', () => count(first) + count(second) === 41);
  const given: string[] = [];
  const whole: boolean[] = [];
  for (const recipient of recipients) {
    const domain = domainOf(recipient);
    const [queue, claim] = claims[shardOf(domain, 8)] ?? [];
    if (!queue || !claim) throw new Error('every shard is held');
    const leases = await queue.lease(claim, laneOf(domain), 10, HOLD);
    given.push(...leases.map((it) => it.recipient));
    whole.push(...leases.map(({ message: { id, raw } }) => id !== put.id || raw.equals(put.raw)));
    expect(await queue.settle(claim, leases.map(delivered))).toEqual([]);
  }
  expect(given.toSorted()).toEqual([...recipients, 'one@d7.test'].toSorted());
  expect(new Set(whole)).toEqual(new Set([true]));
  expect(count(first) + count(second)).toBe(0);
});

test('a key is one key in all processes', async () => {
  const clock = new FakeClock();
  const queues = await openAll(3, 2, clock);
  const once = { key: 'default key', hash: 'h', until: clock.now() + hours(24), note: '' };
  const answers = await Promise.all(
    Array.from(
      { length: 60 },
      (_, at) => queues[at % 3]?.putOnce(aMessage(), once) ?? Promise.reject(new Error('three')),
    ),
  );
  expect(answers.filter((it) => it.kind === 'put')).toHaveLength(1);
  expect(new Set(answers.map((it) => (it.kind === 'known' ? it.id : ''))).size).toBe(2);
});

test('servers that answer before they have synced are refused, or named when somebody says that mail may be lost', async () => {
  const lax = await Nats.start(scene, { sync: '"1s"' });
  const open = (over: Partial<OpenOptions>) => openQueue(lax, newName(), new FakeClock(), over);
  await expect(open({})).rejects.toMatchObject({ code: 'nats-not-durable', message: /sync_interval: always/ });
  const opened = await open({ promise: 'answered' });
  expect(opened.doubts).toEqual([expect.stringContaining('answers before it has synced')]);
  await opened.close();
  const unknown = openQueue({ urls: nats.urls, monitors: [] }, newName(), new FakeClock());
  await expect(unknown).rejects.toMatchObject({ code: 'nats-not-durable', message: /nobody knows how NATS server n1/ });
});

test('a stream that is not as it must be is refused, and says what differs', async () => {
  const name = newName();
  const { streams, layout, close } = await openQueue(nats, name, new FakeClock());
  onTestFinished(close);
  await streams.remove(layout.done);
  await streams.make({
    name: layout.done,
    subjects: [...layout.doneSubjects],
    max_bytes: 1_000_000,
    allow_direct: true,
  });
  await expect(openQueue(nats, name, new FakeClock())).rejects.toMatchObject({
    code: 'nats-settings',
    message: expect.stringContaining('discard is "old", not "new"'),
  });
});
