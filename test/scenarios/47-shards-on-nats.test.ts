/**
 * Several processes on one queue: whoever takes a shard has it, and what the one before still says is refused.
 */
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { hours, minutes } from '#lib/run/clock.ts';
import { domainOf } from '#mta/mail/message.ts';
import { reply } from '#mta/mail/reply.ts';
import { shardOf } from '#mta/queue/jetstream/layout.ts';
import { beginIn } from '#mta/queue/jetstream/done-record.ts';
import { NO_FLOOR } from '#mta/queue/jetstream/floor.ts';
import type { OpenOptions } from '#mta/queue/jetstream/open.ts';
import type { Claim, Lease, Queue, Settlement } from '#mta/queue/queue.ts';
import { newName, openQueue } from '../harness/jetstream.ts';
import { Nats } from '../harness/nats.ts';
import { aMessage } from '../harness/queue.ts';
import { openScene } from '../harness/scene.ts';
import { settlementOf } from '../harness/settlement.ts';
import { until } from '../harness/until.ts';
import { Wire } from '../harness/wire.ts';

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

test('who takes a shard reads little of what has ended, and all that has not', async () => {
  const name = newName();
  const clock = new FakeClock();
  const small = { logBytes: 10_000_000, doneBytes: 10_000_000 };
  const [first, second] = [await openQueue(nats, name, clock, small), await openQueue(nats, name, clock, small)];
  for (const it of [first, second]) onTestFinished(() => it.close());
  const { queue, streams, layout } = first;
  const claim = await queue.claim(0);
  let ended = 0;
  const endOne = async (): Promise<void> => {
    await queue.put(aMessage());
    expect(await queue.settle(claim, (await queue.lease(claim, laneOf('dest.test'), 1, HOLD)).map(delivered))).toEqual(
      [],
    );
    ended += 1;
  };
  const begin = async () => {
    const last = await streams.last(layout.done, layout.doneOf(0));
    return last ? beginIn(last) : NO_FLOOR;
  };
  for (let at = 0; at < 20; at += 1) await endOne();
  await until('what has ended is passed', async () => {
    await endOne();
    const { log, done } = await begin();
    return log > 20 && done > 20;
  });
  const reading = { stream: layout.done, subject: layout.doneOf(0), from: 2 };
  const all: number[] = [];
  for await (const it of streams.readAll(reading)) all.push(it.seq);
  expect((await streams.some(reading, 1000)).map((it) => it.seq)).toEqual(all);
  expect((await streams.some(reading, 3)).map((it) => it.seq)).toEqual(all.slice(0, 3));
  expect(await streams.some({ ...reading, subject: layout.doneOf(1) }, 3)).toEqual([]);
  const waiting = aMessage();
  await queue.put(waiting);
  expect((await begin()).log).toBeLessThanOrEqual(ended + 1);
  const anew = await second.queue.claim(0);
  const leases = await second.queue.lease(anew, laneOf('dest.test'), 10, HOLD);
  expect(leases.map((it) => it.message.id)).toEqual([waiting.id]);
});

test('a shard that is read ahead is taken as its holder leaves it, however long that was ago', async () => {
  const name = newName();
  const clock = new FakeClock();
  const small = { logBytes: 10_000_000, doneBytes: 10_000_000 };
  const [first, second] = [await openQueue(nats, name, clock, small), await openQueue(nats, name, clock, small)];
  for (const it of [first, second]) onTestFinished(() => it.close());
  const old = await first.queue.claim(0);
  const before = [aMessage(), aMessage(), aMessage()];
  for (const it of before) await first.queue.put(it);
  const [one] = await first.queue.lease(old, laneOf('dest.test'), 1, HOLD);
  await second.queue.prepare(0);
  expect(second.queue.depth()).toEqual([]);
  expect(one && (await first.queue.settle(old, [delivered(one)]))).toEqual([]);
  const after = aMessage();
  await first.queue.put(after);
  const rest = await first.queue.lease(old, laneOf('dest.test'), 1, HOLD);
  expect(await first.queue.settle(old, rest.map(delivered))).toEqual([]);
  await first.queue.release(old);
  const claim = await second.queue.claim(0);
  const given = (await second.queue.lease(claim, laneOf('dest.test'), 10, HOLD)).map((it) => it.message.id);
  const gone = new Set([one, ...rest].map((it) => it?.message.id));
  expect(given.toSorted()).toEqual(
    [...before, after]
      .map((it) => it.id)
      .filter((it) => !gone.has(it))
      .toSorted(),
  );
  await second.queue.prepare(0);
  await second.queue.forget(0);
});

test('a holder whose wire is held up lets nothing go that another has taken, and what it said meanwhile is refused late', async () => {
  const name = newName();
  const clock = new FakeClock();
  const small = { logBytes: 10_000_000, doneBytes: 10_000_000 };
  const wire = await Wire.open(scene, nats.processes[0]?.port ?? 0);
  const [stale, other] = [
    await openQueue({ urls: [wire.url], monitors: nats.monitors }, name, clock, small),
    await openQueue(nats, name, clock, small),
  ];
  for (const it of [stale, other]) onTestFinished(() => it.close());
  for (let at = 0; at < 20; at += 1) await other.queue.put(aMessage());
  const old = await stale.queue.claim(0);
  const leases = await stale.queue.lease(old, laneOf('dest.test'), 10, HOLD);
  wire.part();
  const settling = stale.queue.settle(old, leases.map(delivered));
  const claim = await other.queue.claim(0);
  // Nobody takes a shard from whoever was heard so lately.
  await until('it is sure no more', () => stale.queue.holds(old) !== true);
  const dots = leases.map(async () => stale.queue.holds(old));
  const taken = await other.queue.lease(claim, laneOf('dest.test'), 20, HOLD);
  expect(await other.queue.settle(claim, taken.map(delivered))).toEqual([]);
  wire.join();
  expect(await Promise.all(dots)).toEqual(leases.map(() => false));
  expect(await settling).toHaveLength(10);
  expect([taken.length, leases.length, other.queue.depth()]).toEqual([20, 10, []]);
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
