import { expect, onTestFinished, test } from 'vitest';
import { hours } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Database } from '#lib/sqlite/database.ts';
import { aMessage, openTestStorage } from '../../../test/harness/queue.ts';
import { slotsInMemory } from '../../../test/harness/slots.ts';
import { recordEvent } from '../../settle/ledger/sqlite.ts';
import type { MailEvent } from '../../mail/event.ts';
import { reply } from '../../mail/reply.ts';
import type { Claim, Lease, Settlement } from '../queue.ts';
import { InHand } from './in-hand.ts';
import { SqliteQueue } from './queue.ts';

const LANE = 'default default/main dest.test';
const HOLD = hours(1);
const LARGE = Buffer.alloc(3 * 1024 * 1024, 'x');

const storage = openTestStorage();

interface Scene {
  readonly clock: FakeClock;
  readonly queue: SqliteQueue;
  readonly claim: Claim;
  readonly told: string[];
  /** Reads whose statement fits fail from now on; undefined: none does. */
  failing: RegExp | undefined;
}

/** A queue that was opened over what `messages` say, by somebody who has put none of it. */
async function open(...messages: readonly Parameters<typeof aMessage>[0][]): Promise<Scene> {
  const clock = new FakeClock();
  const { queue: before, database } = await storage(clock);
  for (const over of messages) await before.put(aMessage(over));
  before.close();
  const scene: { failing: RegExp | undefined } = { failing: undefined };
  const troubled: Pick<Database, 'read' | 'write'> = {
    read: (...[sql, params]) =>
      scene.failing?.test(sql) === true
        ? Promise.reject(new Fault('storage-failed', 'the disk is gone'))
        : database.read(sql, params),
    write: (statements) => database.write(statements),
  };
  const queue = await SqliteQueue.open({
    database: troubled as Database,
    clock,
    recordEvent,
    unreadable: () => undefined,
    inHand: new InHand(slotsInMemory()),
  });
  onTestFinished(() => queue.close());
  const claim = await queue.claim(0);
  const told: string[] = [];
  queue.watch(claim, (lane) => told.push(lane));
  return Object.assign(scene, { clock, queue, claim, told });
}

const delivered = (lease: Lease): Settlement => {
  const event: MailEvent = {
    v: 1,
    at: 0,
    type: 'delivered',
    message: lease.message.id,
    index: lease.index,
    tenant: lease.message.tenant,
    sender: lease.message.sender,
    recipient: lease.recipient,
    reply: '',
    attempt: 1,
  };
  return { lease, outcome: { kind: 'delivered', reply: reply(250, '', '') }, event };
};

test.each([
  ['what is due', /LEFT JOIN message/, {}],
  ['the messages', /WITH wanted/, { raw: LARGE }],
])('when %s cannot be read nobody holds it, and it is told of again', async (_, failing, over) => {
  const scene = await open(over);
  const { queue, claim, told } = scene;
  scene.failing = failing;
  await expect(queue.lease(claim, LANE, 10, HOLD)).rejects.toMatchObject({ code: 'storage-failed' });
  scene.failing = undefined;
  expect(queue.leasedBytes).toBe(0);
  told.length = 0;
  queue.watch(claim, (lane) => told.push(lane));
  expect(told).toEqual([LANE]);
  expect(await queue.lease(claim, LANE, 10, HOLD)).toHaveLength(1);
  expect(queue.depth()).toEqual([{ lane: LANE, depth: 1 }]);
});

test('an outcome that cannot be written leaves the lease as it was', async () => {
  const clock = new FakeClock();
  const broken = await storage(clock);
  const { queue } = broken;
  await queue.put(aMessage());
  const claim = await queue.claim(0);
  const [lease] = await queue.lease(claim, LANE, 1, HOLD);
  if (!lease) throw new Error('something is due');
  broken.broken = true;
  await expect(queue.settle(claim, [delivered(lease)])).rejects.toMatchObject({ code: 'storage-failed' });
  broken.broken = false;
  expect(await queue.lease(claim, LANE, 1, HOLD)).toEqual([]);
  expect(queue.depth()).toEqual([{ lane: LANE, depth: 1 }]);
  expect(await queue.settle(claim, [delivered(lease)])).toEqual([]);
  expect(queue.depth()).toEqual([]);
});

test('whose claim is lost while it asks is given nothing, and the next has all of it', async () => {
  const { queue, claim } = await open({ recipients: ['a@dest.test', 'b@dest.test'] }, {});
  const [held] = await queue.lease(claim, LANE, 1, HOLD);
  if (!held) throw new Error('something is due');
  const isOver = (): boolean => true;
  const asked = [
    queue.leaseAlong(claim, held, 10, HOLD),
    queue.lease(claim, LANE, 10, HOLD),
    queue.seize(claim, {}, 10, HOLD),
    queue.leaseOutlived(claim, LANE, { max: 10, isOver }, HOLD).then(({ leases }) => leases),
  ];
  const next = await queue.claim(0);
  expect((await Promise.all(asked)).flat()).toEqual([]);
  expect(queue.leasedBytes).toBe(0);
  expect(await queue.lease(next, LANE, 10, HOLD)).toHaveLength(3);
});

test('under a stale claim nothing is done', async () => {
  const { queue, claim } = await open({});
  const [lease] = await queue.lease(claim, LANE, 1, HOLD);
  if (!lease) throw new Error('something is due');
  await queue.settle(claim, [{ ...delivered(lease), owesReport: true }]);
  const [owed] = await queue.unreported(claim, 10);
  if (!owed) throw new Error('something is owed');
  await queue.put(aMessage());
  const next = await queue.claim(0);
  expect(await queue.unreported(claim, 10)).toEqual([]);
  await queue.report(claim, owed, aMessage());
  expect(await queue.move(claim, {}, { kind: 'suspend' })).toBe(0);
  expect(await queue.seize(claim, {}, 10, HOLD)).toEqual([]);
  await queue.release(claim);
  const told: string[] = [];
  queue.watch(claim, (lane) => told.push(lane));
  expect(told).toEqual([]);
  expect(await queue.unreported(next, 10)).toHaveLength(1);
  expect(await queue.lease(next, LANE, 10, HOLD)).toHaveLength(1);
});

test('what is seized is a few at a time when it is large, and the rest is told of', async () => {
  const { queue, claim, told } = await open(...Array.from({ length: 5 }, () => ({ raw: LARGE })));
  const first = await queue.seize(claim, {}, 10, HOLD);
  expect(first).toHaveLength(2);
  expect(queue.leasedBytes).toBe(2 * LARGE.length);
  await queue.settle(claim, first.map(delivered));
  expect(told).toEqual([LANE]);
  expect(await queue.seize(claim, {}, 1, HOLD)).toHaveLength(1);
  expect(await queue.seize(claim, {}, 10, HOLD)).toHaveLength(2);
});

test('who asks for more than there is is told when the next is due, and hears of it then', async () => {
  const { queue, claim, told, clock } = await open({}, { notBefore: new FakeClock().now() + hours(1) });
  expect(await queue.lease(claim, LANE, 10, HOLD)).toHaveLength(1);
  expect(told).toEqual([LANE]);
  clock.advance(hours(1) - 1);
  expect(told).toEqual([LANE]);
  clock.advance(1000);
  expect(told).toEqual([LANE, LANE]);
});

test('a closed queue has no timers, and announces nothing', async () => {
  const { queue, clock, told } = await open({ notBefore: new FakeClock().now() + hours(1) });
  queue.close();
  expect(clock.timers).toBe(0);
  clock.advance(hours(2));
  expect(told).toEqual([]);
});

test('there is one shard, and a message has as many recipients as numbers allow', async () => {
  const { queue } = await open();
  await expect(queue.claim(1)).rejects.toThrow('one shard');
  const recipients = Array.from({ length: 4097 }, (_, at) => `b${at}@dest.test`);
  await expect(queue.put(aMessage({ recipients }))).rejects.toThrow('no more recipients');
  await queue.put(aMessage({ recipients: recipients.slice(1) }));
  expect(queue.depth()).toEqual([{ lane: LANE, depth: 4096 }]);
});
