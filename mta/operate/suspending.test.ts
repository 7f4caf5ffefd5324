import { beforeEach, expect, test } from 'vitest';
import { hours } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { aMessage, openTestStorage } from '../../test/harness/queue.ts';
import type { AuditEvent } from '../mail/audit.ts';
import type { Claim } from '../queue/queue.ts';
import type { SqliteQueue } from '../queue/sqlite/queue.ts';
import { bouncedByHand } from '../settle/by-hand.ts';
import { SqliteOrders } from '../settle/ledger/sqlite-orders.ts';
import type { Suspension } from '../mail/suspension.ts';
import { LocalHands } from './hands.ts';
import { type OperatingParts, resume, suspend } from './suspending.ts';

const openStorage = openTestStorage();
const ASKING = { by: 'ann', dryRun: false };

let clock: FakeClock;
let queue: SqliteQueue;
let claim: Claim;
let orders: SqliteOrders;
let standing: Suspension[];
let recorded: AuditEvent[];
let parts: OperatingParts;

beforeEach(async () => {
  clock = new FakeClock();
  const storage = await openStorage(clock);
  queue = storage.queue;
  claim = await queue.claim(0);
  orders = new SqliteOrders(storage.database, clock);
  [standing, recorded] = [[], []];
  parts = {
    clock,
    random: seededRandom(1),
    hands: new LocalHands({
      queue,
      claim,
      siteOf: (lane) => (lane.includes('dest.test') ? 'mx.dest.test' : 'elsewhere'),
      endRests: () => undefined,
      replan: () => undefined,
      bounced: (lease, asked) => bouncedByHand(lease, asked, clock.now()),
      tell: () => undefined,
    }),
    orders,
    standing: {
      current: () => standing,
      begin: (order) => standing.push(order),
      end: (ids) => (standing = standing.filter((it) => !ids.includes(it.id))),
    },
    recorded: (event) => recorded.push(event),
  };
  await queue.put(aMessage({ recipients: ['b@dest.test', 'c@dest.test', 'd@other.test'] }));
  await queue.put(aMessage({ tenant: 'shop', recipients: ['b@dest.test'] }));
});

test('a suspension is durable with its record, counts what waits, and then holds', async () => {
  const until = clock.now() + hours(2);
  const operated = await suspend({ ...ASKING, about: { site: 'mx.dest.test' }, why: 'blocklisted', until }, parts);
  const [order] = standing;
  expect(order).toMatchObject({
    about: { site: 'mx.dest.test' },
    why: 'blocklisted',
    by: 'ann',
    until,
    at: clock.now(),
  });
  expect(order?.id).toMatch(/^[0-9a-z]{8}$/);
  expect(operated).toEqual({ kind: 'done', done: { dryRun: false, recipients: 3, lanes: 2, suspensions: [order] } });
  expect(await orders.suspensions()).toEqual([order]);
  expect(recorded).toMatchObject([
    {
      operation: 'suspend',
      stage: 'done',
      by: 'ann',
      recipients: 3,
      why: 'blocklisted',
      until,
      suspensions: [order?.id],
    },
  ]);
  expect(await orders.audit(10)).toMatchObject(recorded);
});

test('a dry run counts and changes nothing', async () => {
  const about = { tenant: 'shop' };
  expect(await suspend({ by: 'ann', dryRun: true, about, why: 'x' }, parts)).toMatchObject({
    done: { dryRun: true, recipients: 1, lanes: 1 },
  });
  await suspend({ ...ASKING, about, why: 'x' }, parts);
  expect(await resume({ by: 'ann', dryRun: true, about }, parts)).toMatchObject({ done: { suspensions: standing } });
  expect([standing.length, recorded.length, (await orders.suspensions()).length]).toEqual([1, 1, 1]);
});

test('what cannot be written does not hold', async () => {
  const failing = { record: () => Promise.reject(new Error('no space')) };
  await expect(suspend({ ...ASKING, about: {}, why: 'x' }, { ...parts, orders: failing })).rejects.toThrow('no space');
  expect([standing, recorded]).toEqual([[], []]);
});

test('resuming ends what is about no more than was named, and says what still holds some of it', async () => {
  await suspend({ ...ASKING, about: { tenant: 'shop', domain: 'dest.test' }, why: 'narrow' }, parts);
  await suspend({ ...ASKING, about: { domain: 'dest.test' }, why: 'broad' }, parts);
  const operated = await resume({ ...ASKING, about: { tenant: 'shop' } }, parts);
  expect(operated).toMatchObject({
    done: { recipients: 1, suspensions: [{ why: 'narrow' }], stillHeldBy: [{ why: 'broad' }] },
  });
  expect(standing.map((it) => it.why)).toEqual(['broad']);
  expect((await orders.suspensions()).map((it) => it.why)).toEqual(['broad']);
});

test('one suspension is ended by its id, and no other', async () => {
  for (const why of ['one', 'two']) await suspend({ ...ASKING, about: {}, why }, parts);
  const id = standing[0]?.id ?? '';
  expect(await resume({ ...ASKING, about: {}, id }, parts)).toMatchObject({ done: { suspensions: [{ why: 'one' }] } });
  expect(standing.map((it) => it.why)).toEqual(['two']);
  expect(await resume({ ...ASKING, about: {}, id }, parts)).toMatchObject({ kind: 'refused' });
});

test('resuming lets go what the queue itself holds: of a choice, or of one message', async () => {
  await queue.move(claim, {}, { kind: 'suspend' });
  const [held] = await queue.list({ tenant: 'shop' }, 1);
  await resume({ ...ASKING, about: { message: held?.message } }, parts);
  expect((await queue.list({}, 10)).map((it) => it.state).toSorted()).toEqual([
    'suspended',
    'suspended',
    'suspended',
    'waiting',
  ]);
  await resume({ ...ASKING, about: { site: 'mx.dest.test' } }, parts);
  expect((await queue.list({}, 10)).filter((it) => it.state === 'suspended')).toMatchObject([
    { recipient: 'd@other.test' },
  ]);
});

test('orders are bounded', async () => {
  standing = Array.from({ length: 1000 }, (_, at) => ({ id: String(at), about: {}, why: '', by: '', at }));
  expect(await suspend({ ...ASKING, about: {}, why: 'x' }, parts)).toMatchObject({ kind: 'refused' });
});
