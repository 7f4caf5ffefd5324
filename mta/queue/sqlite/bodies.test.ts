import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bodies, type Room } from './bodies.ts';
import { runs } from '../../../test/harness/runs.ts';

const LANE = 'shop pools/main a.test';
const OTHER = 'shop pools/main b.test';
const ANOTHER = 'news pools/main a.test';

const isNow = (room: Room | Promise<Room>): room is Room => !(room instanceof Promise);
function now(room: Room | Promise<Room>): Room {
  if (!isNow(room)) throw new Error('there is no room');
  return room;
}

test('a message counts once, however many of its entries are leased', () => {
  const bodies = new Bodies(100);
  for (let entry = 0; entry < 3; entry += 1) bodies.hold(1, LANE, 40);
  bodies.hold(2, OTHER, 10);
  expect(bodies.used).toBe(50);
  bodies.drop(1);
  bodies.drop(1);
  expect(bodies.used).toBe(50);
  bodies.drop(1);
  bodies.drop(1);
  expect(bodies.used).toBe(10);
});

test('a lane with much waits until it has little, and others pass it meanwhile', async () => {
  const bodies = new Bodies(100);
  bodies.hold(1, LANE, 20);
  bodies.hold(2, LANE, 10);
  const room = bodies.reserve(LANE, 4);
  expect(isNow(room)).toBe(false);
  const other = now(bodies.reserve(OTHER, 4));
  bodies.drop(1);
  (await room).release();
  other.release();
  expect(bodies.used).toBe(10);
});

test('a tenant with most of it waits in all its lanes, another finds room', () => {
  const bodies = new Bodies(100);
  for (let lane = 0; lane < 4; lane += 1) bodies.hold(lane, `shop pools/main ${lane}.test`, 20);
  expect(isNow(bodies.reserve(LANE, 4))).toBe(false);
  expect(isNow(bodies.reserve(ANOTHER, 4))).toBe(true);
});

test('when there is nothing left all wait, and are served in turn', async () => {
  const bodies = new Bodies(100);
  bodies.hold(1, ANOTHER, 98);
  const order: string[] = [];
  const waiting = [LANE, OTHER].map(async (lane) => {
    await bodies.reserve(lane, 4);
    order.push(lane);
  });
  expect(order).toEqual([]);
  bodies.drop(1);
  await Promise.all(waiting);
  expect(order).toEqual([LANE, OTHER]);
});

test('tenants are served in turn, whoever of them has more that wait', async () => {
  const bodies = new Bodies(100);
  bodies.hold(1, 'other pools/main c.test', 100);
  const order: string[] = [];
  const waiting = [LANE, LANE, LANE, ANOTHER, ANOTHER].map(async (lane) => {
    await bodies.reserve(lane, 4);
    order.push(lane);
  });
  bodies.drop(1);
  await Promise.all(waiting);
  expect(order).toEqual([LANE, ANOTHER, LANE, ANOTHER, LANE]);
});

test('while a tenant has too much, what its others wait for is not looked at each time that something ends', () => {
  const many = 50_000;
  const bodies = new Bodies(10 * many);
  for (let message = 0; message < 9 * many; message += 1) bodies.hold(message, LANE, 1);
  for (let at = 0; at < many; at += 1) void bodies.reserve(OTHER, 4);
  // A fifth may be free before another of them fits.
  for (let message = 0; message < many / 2; message += 1) bodies.drop(message);
  expect(bodies.used).toBe(8.5 * many);
});

test('room that was reserved and not used is there for who waits, once', async () => {
  const bodies = new Bodies(8);
  const [first, second] = [now(bodies.reserve(LANE, 4)), now(bodies.reserve(OTHER, 4))];
  const [third, fourth] = [bodies.reserve(ANOTHER, 4), bodies.reserve(LANE, 4)];
  expect([isNow(third), isNow(fourth)]).toEqual([false, false]);
  first.release();
  first.release();
  await third;
  expect(bodies.used).toBe(8);
  second.release();
  await fourth;
  expect(bodies.used).toBe(8);
});

test('who waits for its own mail to end lets those behind it pass', async () => {
  const bodies = new Bodies(100);
  bodies.hold(1, LANE, 30);
  bodies.hold(2, ANOTHER, 68);
  const served: string[] = [];
  const waiting = [LANE, OTHER].map(async (lane) => {
    await bodies.reserve(lane, 4);
    served.push(lane);
  });
  bodies.drop(2);
  await waiting[1];
  expect(served).toEqual([OTHER]);
  bodies.drop(1);
  await waiting[0];
  expect(bodies.used).toBe(8);
});

test('what is larger than everything waits until there is nothing else', async () => {
  const bodies = new Bodies(2);
  bodies.hold(1, LANE, 1);
  const room = bodies.reserve(ANOTHER, 4);
  expect(isNow(room)).toBe(false);
  bodies.drop(1);
  (await room).release();
  expect(bodies.used).toBe(0);
});

test.each<[string, number, boolean]>([
  ['a quarter of what is free', 19, true],
  ['more than that', 20, false],
])('a lane goes on while it holds %s', (_, held, isGiven) => {
  const bodies = new Bodies(99);
  bodies.hold(1, LANE, held);
  expect(isNow(bodies.reserve(LANE, 4))).toBe(isGiven);
});

test('what is larger than everything goes alone', () => {
  const bodies = new Bodies(100);
  const room = now(bodies.reserve(LANE, 4));
  bodies.hold(1, LANE, 500);
  room.release();
  room.release();
  expect(isNow(bodies.reserve(ANOTHER, 4))).toBe(false);
  bodies.drop(1);
  expect(bodies.used).toBe(4);
  const alone = new Bodies(2);
  expect(isNow(alone.reserve(LANE, 4))).toBe(true);
});

test('while leases hold no more than they reserve the limit is kept, nobody waits for ever, and nothing is left', async () => {
  const step = fc.tuple(fc.constantFrom(LANE, OTHER, ANOTHER), fc.integer({ min: 1, max: 4 }));
  const day = async (steps: readonly (readonly [string, number])[]): Promise<void> => {
    const bodies = new Bodies(100);
    let [held, ended] = [0, 0];
    const lease = async (lane: string, bytes: number, message: number): Promise<void> => {
      const room = await bodies.reserve(lane, 4);
      bodies.hold(message, lane, bytes);
      held += bytes;
      expect(held).toBeLessThanOrEqual(100);
      room.release();
      for (let tick = 0; tick < message % 50; tick += 1) await Promise.resolve();
      held -= bytes;
      bodies.drop(message);
      ended += 1;
    };
    await Promise.all(steps.map(([lane, bytes], message) => lease(lane, bytes, message)));
    expect([ended, held, bodies.used]).toEqual([steps.length, 0, 0]);
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 100 }), day), { numRuns: runs(100) });
});
