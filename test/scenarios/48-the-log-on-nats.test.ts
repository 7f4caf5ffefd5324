/**
 * What has ended goes from the streams, and nothing else: not what waits, not what its shard's next holder needs, no key, and no
 * event before its time. What is left has room to come to its end.
 */
import { expect, beforeAll, onTestFinished, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { hours, minutes } from '#lib/run/clock.ts';
import type { Opened } from '#mta/queue/jetstream/open.ts';
import type { Claim, Queue } from '#mta/queue/queue.ts';
import { reply } from '#mta/mail/reply.ts';
import { decodeDone } from '#mta/queue/jetstream/done-record.ts';
import { eventsOf } from '#mta/queue/changes.ts';
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
const LANE = 'default default/main dest.test';

const first = async ({ streams, layout }: Opened): Promise<number> => (await streams.about(layout.log)).first;

/** What is known at one time counts from the next on: as often as it takes. */
const trimmedTo = (opened: Opened, sequence: number): Promise<unknown> =>
  until(`the log begins with ${sequence}`, async () => {
    await opened.queue.trim(0);
    return (await first(opened)) === sequence;
  });

async function settleAll(queue: Queue, claim: Claim, max: number, due?: number): Promise<void> {
  const leases = await queue.lease(claim, LANE, max, HOLD);
  expect(leases).toHaveLength(max);
  const outcome =
    due === undefined
      ? ({ kind: 'delivered', reply: reply(250, '2.0.0', 'ok') } as const)
      : ({ kind: 'later', reply: reply(451, '4.0.0', 'later'), due } as const);
  expect(
    await queue.settle(
      claim,
      leases.map((it) => settlementOf(it, outcome)),
    ),
  ).toEqual([]);
}

test('the log begins with the oldest message that waits, and whoever takes the shard next knows all of it', async () => {
  const [clock, name] = [new FakeClock(), newName()];
  const one = await openQueue(nats, name, clock);
  const claim = await one.queue.claim(0);
  for (let at = 0; at < 20; at += 1) await one.queue.put(aMessage());
  await settleAll(one.queue, claim, 10);
  await settleAll(one.queue, claim, 4, clock.now() + hours(1));
  await trimmedTo(one, 11);
  await settleAll(one.queue, claim, 6);
  await one.close();

  const two = await openQueue(nats, name, clock);
  onTestFinished(() => two.close());
  const again = await two.queue.claim(0);
  expect(two.queue.depth()).toEqual([{ lane: LANE, depth: 4 }]);
  expect(await two.queue.lease(again, LANE, 10, HOLD)).toEqual([]);
  clock.advance(hours(1));
  expect((await two.queue.list({}, 10)).map((it) => it.attempts)).toEqual([1, 1, 1, 1]);
  await settleAll(two.queue, again, 4);
  await trimmedTo(two, 21);
  await two.queue.put(aMessage());
  await settleAll(two.queue, again, 1);
});

test('a key is known when its record is gone from the log', async () => {
  const [clock, name] = [new FakeClock(), newName()];
  const opened = await openQueue(nats, name, clock);
  onTestFinished(() => opened.close());
  const { queue } = opened;
  const claim = await queue.claim(0);
  const once = { key: 'default key', hash: 'h', until: clock.now() + hours(24), note: 'n' };
  const put = aMessage();
  expect(await queue.putOnce(put, once)).toEqual({ kind: 'put' });
  await settleAll(queue, claim, 1);
  await trimmedTo(opened, 3);
  expect(await queue.putOnce(aMessage(), once)).toEqual({ kind: 'known', id: put.id, note: 'n' });
  expect(await queue.known(once)).toEqual({ kind: 'known', id: put.id, note: 'n' });
  clock.advance(hours(24));
  expect(await queue.putOnce(aMessage(), once)).toEqual({ kind: 'put' });
});

test('nothing goes while any shard has nobody to speak for it, and a shard to which nothing comes holds up none', async () => {
  const opened = await openQueue(nats, newName(), new FakeClock(), { shards: 2 });
  onTestFinished(() => opened.close());
  const { queue } = opened;
  // dest.test is of shard 1.
  const claim = await queue.claim(1);
  await queue.claim(0).then((it) => queue.release(it));
  for (let at = 0; at < 5; at += 1) await queue.put(aMessage());
  await settleAll(queue, claim, 5);
  for (let time = 0; time < 5; time += 1) await queue.trim(0);
  expect(await first(opened)).toBe(1);
  await queue.claim(0);
  await trimmedTo(opened, 6);
});

/** Events of whatever is in the stream of what became of mail. */
async function eventsIn({ streams, layout }: Opened): Promise<number> {
  let events = 0;
  for await (const it of streams.readAll({ stream: layout.done, subject: layout.doneOf(0), from: 1 }))
    events += decodeDone(it).flatMap(eventsOf).length;
  return events;
}

test('events stay for as long as they live, also of mail that is gone; then all goes but what the next holder needs', async () => {
  const servers = await Nats.start(scene);
  const [clock, name] = [new FakeClock(), newName()];
  const one = await openQueue(servers, name, clock, { eventsFor: hours(1) });
  const claim = await one.queue.claim(0);
  for (let at = 0; at < 30; at += 1) await one.queue.put(aMessage());
  await settleAll(one.queue, claim, 10);
  await settleAll(one.queue, claim, 5, clock.now() + hours(1));
  await settleAll(one.queue, claim, 10);
  await trimmedTo(one, 11);
  expect(await eventsIn(one)).toBe(25);
  await one.close();

  const two = await openQueue(servers, name, clock, { eventsFor: -minutes(1) });
  const again = await two.queue.claim(0);
  await trimmedTo(two, 11);
  const before = (await two.streams.about(two.layout.done)).first;
  clock.advance(hours(1));
  await settleAll(two.queue, again, 10, clock.now() + hours(1));
  await trimmedTo(two, 11);
  clock.advance(hours(1));
  await settleAll(two.queue, again, 10);
  for (let at = 0; at < 3; at += 1) await two.queue.put(aMessage());
  await trimmedTo(two, 31);
  await until('what became of mail is let go of', async () => {
    await two.queue.trim(0);
    return (await two.streams.about(two.layout.done)).first > before + 3;
  });
  // Of 45, those that were written last.
  expect(await eventsIn(two)).toBeLessThanOrEqual(10);
  await two.close();

  // What was only in memory is gone with all servers: whoever takes the shard then gives nothing twice.
  await servers.kill(0);
  await servers.restart(0);
  const three = await openQueue(servers, name, clock);
  onTestFinished(() => three.close());
  const last = await three.queue.claim(0);
  expect(three.queue.depth()).toEqual([{ lane: LANE, depth: 3 }]);
  await settleAll(three.queue, last, 3);
});

test('nothing is put into the last 15 % of a stream; what is there comes to its end, and then there is room again', async () => {
  const clock = new FakeClock();
  const opened = await openQueue(nats, newName(), clock, { logBytes: 2_000_000 });
  onTestFinished(() => opened.close());
  const { queue, streams, layout } = opened;
  const claim = await queue.claim(0);
  const putOne = () => queue.put(aMessage({ raw: Buffer.alloc(20_000, 'x') }));
  const refusal = await until(
    'a put is refused',
    () =>
      putOne().then(
        () => undefined,
        (thrown: unknown) => thrown,
      ),
    30_000,
  );
  expect(refusal).toMatchObject({ code: 'storage-full', message: expect.stringContaining('raise its max_bytes') });
  const { bytes } = await streams.about(layout.log);
  expect(bytes).toBeGreaterThanOrEqual(1_700_000);
  expect(queue.depth()[0]?.depth).toBeGreaterThan(80);
  await settleAll(queue, claim, 40, clock.now() + hours(1));
  clock.advance(hours(1));
  for (let left = queue.depth()[0]?.depth ?? 0; left > 0; left -= 20) await settleAll(queue, claim, Math.min(left, 20));
  await until('there is room', async () => {
    await queue.trim(0);
    return putOne().then(
      () => true,
      () => false,
    );
  });
});

test('who reads slower than the server tells has little of it in memory, and reads all, in order', async () => {
  const [name, many, size] = [newName(), 3000, 10_000];
  const { queue, streams, layout, connection, close } = await openQueue(nats, name, new FakeClock());
  onTestFinished(close);
  const raw = Buffer.alloc(size, 'x');
  await Promise.all(Array.from({ length: many }, () => queue.put(aMessage({ raw }))));
  const came = (): number => connection.library.stats().inBytes;
  const before = came();
  const reading = streams.readAll({ stream: layout.log, subject: layout.inOf(0), from: 1 });
  const found: (number | undefined)[] = [(await reading.next()).value?.seq];
  let last = -1;
  await until('nothing more comes', () => last === (last = came()), 20_000, 500);
  expect(last - before).toBeLessThan((many * size) / 2);
  for await (const { seq } of reading) found.push(seq);
  expect(found).toEqual(Array.from({ length: many }, (_, at) => at + 1));
});
