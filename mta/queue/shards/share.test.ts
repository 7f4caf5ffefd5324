import { expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { aMessage, openTestStorage } from '../../../test/harness/queue.ts';
import type { Claim, Lease, Settlement } from '../queue.ts';
import { laneName } from '../queue.ts';
import { shardOf } from '../jetstream/layout.ts';
import { Share, type SharedQueue } from './share.ts';

const open = openTestStorage();
const LANE = laneName({ tenant: 'default', pool: 'default/main', domain: 'example.net' });

async function openShare() {
  const clock = new FakeClock();
  const storage = await open(clock);
  const state = { isSure: true, isHeld: true };
  const nothing = async (): Promise<void> => undefined;
  const queue = Object.assign(storage.queue, {
    isStillHeld: async () => state.isHeld,
    prepare: nothing,
    forget: nothing,
  });
  const share = new Share({ queue, shards: 1, clock, isSure: () => state.isSure });
  const claim = await share.claim();
  return { clock, share, claim, state, storage };
}

/** All of 64 shards of a queue that does so much. */
async function shareOf(does: Partial<SharedQueue>): Promise<Share> {
  const queue = { ...does, claim: async (shard: number) => ({ shard, epoch: 1 }), release: async () => undefined };
  const clock = new FakeClock();
  const share = new Share({ queue: queue as unknown as SharedQueue, shards: 64, clock, isSure: () => true });
  for (let shard = 0; shard < 64; shard += 1) await share.take(shard);
  return share;
}

const put = async (share: Share): Promise<void> => share.put(aMessage({ recipients: ['you@example.net'] }));

function settled(lease: Lease): Settlement {
  const { message, index, recipient } = lease;
  const event = { v: 1, at: 0, type: 'delivered', message: message.id, index, tenant: 'default', sender: '' } as const;
  const rest = { recipient, reply: '250 ok', attempt: 1, credential: 'app', domain: 'example.com' };
  return {
    lease,
    outcome: { kind: 'delivered', reply: { code: 250, enhanced: '2.0.0', text: 'ok' } },
    event: { ...event, ...rest },
  } as never;
}

test('nothing is leased of what is not held, and all that is due is told of when it is taken', async () => {
  const { share, claim } = await openShare();
  const told: string[] = [];
  share.watch(claim, (lane) => told.push(lane));
  await put(share);
  expect(await share.lease(claim, LANE, 10, 60_000)).toEqual([]);
  await share.take(0);
  await expect.poll(() => told).toEqual([LANE]);
  expect(await share.lease(claim, LANE, 10, 60_000)).toHaveLength(1);
  expect([...share.held.keys()]).toEqual([0]);
});

test('a shard is given up when what was leased of it has ended, and nothing more is leased meanwhile', async () => {
  const { share, claim } = await openShare();
  await share.take(0);
  await put(share);
  await put(share);
  const leases = await share.lease(claim, LANE, 1, 60_000);
  let isGiven = false;
  const giving = share.giveUp(0).then(() => (isGiven = true));
  expect(await share.lease(claim, LANE, 10, 60_000)).toEqual([]);
  expect([isGiven, share.held.size]).toEqual([false, 1]);
  expect(await share.settle(claim, leases.map(settled))).toEqual([]);
  await giving;
  expect(share.held.size).toBe(0);
});

test('what is given back holds up nothing', async () => {
  const { share, claim } = await openShare();
  await share.take(0);
  await put(share);
  const leases = await share.lease(claim, LANE, 1, 60_000);
  const giving = share.giveUp(0);
  share.giveBack(leases);
  await giving;
  expect(share.held.size).toBe(0);
});

test('outcomes of a shard that is lost are refused', async () => {
  const { share, claim } = await openShare();
  await share.take(0);
  await put(share);
  const [lease] = await share.lease(claim, LANE, 1, 60_000);
  await share.drop(0);
  const settlements = lease ? [settled(lease)] : [];
  expect(await share.settle(claim, settlements)).toEqual(settlements);
});

test('while it is not sure whose shards they are a lease waits, and is given when it is', async () => {
  const { share, claim, state, clock } = await openShare();
  await share.take(0);
  await put(share);
  state.isSure = false;
  const leasing = share.lease(claim, LANE, 1, 60_000);
  let isLeased = false;
  void leasing.then(() => (isLeased = true));
  clock.advance(1000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(isLeased).toBe(false);
  state.isSure = true;
  clock.advance(200);
  expect(await leasing).toHaveLength(1);
});

test('while it is not sure whose shards they are the streams are asked before a message goes', async () => {
  const { share, claim, state } = await openShare();
  await share.take(0);
  expect(share.holds(claim, LANE)).toBe(true);
  state.isSure = false;
  expect(await share.holds(claim, LANE)).toBe(true);
  state.isHeld = false;
  expect(await share.holds(claim, LANE)).toBe(false);
});

test('what is read ahead is ready until it is taken or forgotten', async () => {
  const { share } = await openShare();
  await share.prepare(0);
  expect([...share.ready]).toEqual([0]);
  await share.forget(0);
  expect(share.ready.size).toBe(0);
  await share.prepare(0);
  await share.take(0);
  expect([share.ready.size, share.held.size]).toEqual([0, 1]);
});

test('when one of two shards cannot be written, what the other has written is not written again', async () => {
  const written: string[] = [];
  const broken = new Set(['b.test']);
  const settle = async (_: Claim, some: readonly Settlement[]) => {
    const domains = some.map((it) => it.lease.recipient.replace(/.*@/, ''));
    if (domains.some((it) => broken.has(it))) throw new Error('full');
    written.push(...domains);
    return [];
  };
  const share = await shareOf({ settle });
  const settlements = ['a.test', 'b.test'].map((domain, id) =>
    settled({
      id,
      lane: laneName({ tenant: 't', pool: 'p', domain }),
      recipient: `you@${domain}`,
      message: aMessage(),
      index: 0,
      attempts: 0,
    }),
  );
  const claim = await share.claim();
  await expect(share.settle(claim, settlements)).rejects.toThrow('full');
  broken.clear();
  expect(await share.settle(claim, settlements)).toEqual([]);
  expect(written).toEqual(['a.test', 'b.test']);
});

test('what is done to a lane is asked of its shard alone, and what is done to all of every shard', async () => {
  const asked: number[] = [];
  const move = async ({ shard }: Claim): Promise<number> => asked.push(shard);
  const seize = async ({ shard }: Claim): Promise<Lease[]> => {
    asked.push(shard);
    return [];
  };
  const share = await shareOf({ move, seize });
  const claim = await share.claim();
  await share.move(claim, { lane: LANE }, { kind: 'retry' });
  await share.seize(claim, { lane: LANE }, 1, 60_000);
  expect(asked).toEqual([shardOf('example.net', 64), shardOf('example.net', 64)]);
  await share.move(claim, {}, { kind: 'retry' });
  expect(asked).toHaveLength(66);
});
