import { beforeEach, expect, test } from 'vitest';
import { hours, minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { aMessage, openTestStorage, type TestQueue } from '../../test/harness/queue.ts';
import type { AuditEvent } from '../mail/audit.ts';
import type { MailEvent } from '../mail/event.ts';
import type { Claim, Lease, Selection } from '../queue/queue.ts';
import { reply } from '../mail/reply.ts';
import { bouncedByHand } from '../settle/by-hand.ts';
import { SqliteOrders } from '../settle/ledger/sqlite-orders.ts';
import type { Suspension } from '../mail/suspension.ts';
import { type HandsOptions, LocalHands } from './hands.ts';
import { bounce, type MovingParts, reroute, retry } from './moving.ts';

const openStorage = openTestStorage();
const LANE = 'default default/main dest.test';
const ASKING = { by: 'ann', dryRun: false };
const BOUNCING = { ...ASKING, why: 'a wrong list', report: true };

let clock: FakeClock;
let storage: TestQueue;
let claim: Claim;
let standing: Suspension[];
let recorded: AuditEvent[];
let told: MailEvent[];
let rested: string[];
let replanned: number;
let parts: MovingParts;

beforeEach(async () => {
  clock = new FakeClock();
  storage = await openStorage(clock);
  const { queue, database } = storage;
  claim = await queue.claim(0);
  [standing, recorded, told, rested, replanned] = [[], [], [], [], 0];
  const hands = new LocalHands(handsOptions());
  parts = {
    clock,
    random: seededRandom(1),
    hands,
    orders: new SqliteOrders(database, clock),
    standing: { current: () => standing, begin: () => undefined, end: () => undefined },
    recorded: (event) => recorded.push(event),
    isPool: (name) => name === 'default/warm',
  };
  await queue.put(aMessage({ recipients: ['b@dest.test', 'c@dest.test', 'd@other.test'] }));
  await queue.put(aMessage({ tenant: 'shop', via: 'http', recipients: ['b@dest.test'] }));
});

const handsOptions = (): HandsOptions => ({
  queue: storage.queue,
  claim,
  siteOf: (lane) => (lane.includes('dest.test') ? 'mx.dest.test' : 'elsewhere'),
  endRests: (site) => rested.push(site),
  replan: () => (replanned += 1),
  bounced: (lease, asked) => bouncedByHand(lease, asked, clock.now()),
  tell: (event) => told.push(event),
});

const leases = (lane = LANE): Promise<Lease[]> => storage.queue.lease(claim, lane, 10, minutes(5));
const depth = (): number => storage.queue.depth().reduce((sum, it) => sum + it.depth, 0);

/** Tried once, and due again in two hours. */
async function defer(): Promise<void> {
  const outcome = { kind: 'later', reply: reply(451, '4.0.0', 'later'), due: clock.now() + hours(2) } as const;
  const settlements = (await leases()).map((lease) => {
    const { event } = bouncedByHand(lease, BOUNCING, 0);
    return { lease, outcome, event };
  });
  await storage.queue.settle(claim, settlements);
}

test('a retry makes what waits due now, and ends what rests at its sites', async () => {
  await defer();
  expect(await leases()).toEqual([]);
  const operated = await retry({ ...ASKING, about: { site: 'mx.dest.test', tenant: 'default' } }, parts);
  expect(operated).toEqual({ kind: 'done', done: { dryRun: false, recipients: 2, lanes: 1, stillHeldBy: [] } });
  expect(await leases()).toHaveLength(2);
  expect([rested, replanned]).toEqual([['mx.dest.test'], 1]);
});

test('many destinations are seen to side by side, and no further ones after a failure', async () => {
  const lanes = Array.from({ length: 4000 }, (_, at) => ({ lane: `default default/main d${at}.test`, depth: 1 }));
  const moved: string[] = [];
  let [underWay, most] = [0, 0];
  const move = async (_: Claim, { lane = '' }: Selection): Promise<number> => {
    most = Math.max(most, (underWay += 1));
    moved.push(lane);
    await new Promise(setImmediate);
    underWay -= 1;
    if (lane.includes('d1500.')) throw new Error('the disk is full');
    return 1;
  };
  const unasked = async (): Promise<never> => expect.unreachable();
  const others = { list: unasked, seize: unasked, settle: unasked, giveBack: () => undefined };
  const hands = new LocalHands({ ...handsOptions(), queue: { ...others, depth: () => lanes, move } });
  await expect(hands.carryOut({ kind: 'retry', about: { tenant: 'default' } })).rejects.toThrow('the disk is full');
  await new Promise(setImmediate);
  expect(most).toBe(1000);
  expect(moved.length).toBeLessThanOrEqual(2500);
});

test('it is on record before it begins and when it is done', async () => {
  await retry({ ...ASKING, about: { domain: 'dest.test' } }, parts);
  await reroute({ ...ASKING, about: { tenant: 'shop' }, to: 'default/warm' }, parts);
  expect(recorded).toMatchObject([
    { operation: 'retry', stage: 'begun', by: 'ann', about: { domain: 'dest.test' }, recipients: 3 },
    { operation: 'retry', stage: 'done', recipients: 3 },
    { operation: 'reroute', stage: 'begun', to: 'default/warm', recipients: 1 },
    { operation: 'reroute', stage: 'done', recipients: 1 },
  ]);
});

test('a dry run, and a choice of what is not there, change and record nothing', async () => {
  await defer();
  for (const dryRun of [true, false]) {
    const about = dryRun ? {} : { domain: 'nowhere.test' };
    const recipients = dryRun ? 4 : 0;
    const asked = { by: 'ann', dryRun, about };
    expect(await retry(asked, parts)).toMatchObject({ done: { recipients } });
    expect(await bounce({ ...asked, why: 'x', report: true }, parts)).toMatchObject({ done: { recipients } });
    expect(await reroute({ ...asked, to: 'default/warm' }, parts)).toMatchObject({ done: { recipients } });
  }
  expect([recorded, told, rested, depth()]).toEqual([[], [], [], 4]);
  expect(await leases()).toEqual([]);
});

test('what is rerouted leaves by the other pool, which must be there', async () => {
  await reroute({ ...ASKING, about: { tenant: 'shop' }, to: 'default/warm' }, parts);
  expect(storage.queue.depth()).toContainEqual({ lane: 'shop default/warm dest.test', depth: 1 });
  expect(await reroute({ ...ASKING, about: {}, to: 'default/wrong' }, parts)).toEqual({
    kind: 'refused',
    why: 'there is no IPPool default/wrong: name it as namespace/name',
  });
});

test('what is bounced ends with who and why, and its senders are owed reports', async () => {
  await storage.queue.move(claim, { domain: 'other.test' }, { kind: 'suspend' });
  expect(await bounce({ ...BOUNCING, about: {} }, parts)).toMatchObject({ done: { recipients: 4 } });
  expect(depth()).toBe(0);
  expect(told).toHaveLength(4);
  const said = { type: 'bounced', reply: '554 5.7.0 bounced by ann: a wrong list', attempt: 0 };
  for (const event of told) expect(event).toMatchObject(said);
  expect((await storage.events()).filter((it) => it.type === 'bounced')).toHaveLength(4);
  expect((await storage.queue.unreported(claim, 10)).map((it) => it.events.length)).toEqual([3]);
});

test('nobody is told of what is bounced where that is asked for', async () => {
  await bounce({ ...BOUNCING, report: false, about: {} }, parts);
  expect(await storage.queue.unreported(claim, 10)).toEqual([]);
});

test('what is being sent is left alone', async () => {
  const [held] = await storage.queue.lease(claim, LANE, 1, minutes(5));
  expect(await bounce({ ...BOUNCING, about: { domain: 'dest.test', tenant: 'default' } }, parts)).toMatchObject({
    done: { recipients: 1 },
  });
  expect(depth()).toBe(3);
  expect(held).toMatchObject({ recipient: 'b@dest.test' });
});

test('one message is bounced in all its lanes, and no other', async () => {
  const [first] = await storage.queue.list({ tenant: 'default' }, 1);
  expect(await bounce({ ...BOUNCING, about: { message: first?.message } }, parts)).toMatchObject({
    done: { recipients: 3, lanes: 2 },
  });
  expect(storage.queue.depth()).toEqual([{ lane: 'shop default/main dest.test', depth: 1 }]);
});

test('what cannot be written is free again, and the fault is told', async () => {
  storage.broken = true;
  await expect(bounce({ ...BOUNCING, about: {} }, parts)).rejects.toMatchObject({ code: 'storage-failed' });
  storage.broken = false;
  expect([told, depth()]).toEqual([[], 4]);
  expect(await leases()).toHaveLength(2);
});
