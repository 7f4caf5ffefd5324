import { beforeEach, expect, test } from 'vitest';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { aMessage } from '../../../test/harness/queue.ts';
import type { Lease } from '../queue.ts';
import { Bodies } from './bodies.ts';
import { Leases } from './leases.ts';
import { entryNo } from './tables.ts';

const LANE = 'tenant pools/main dest.test';
const HOLD = seconds(10);
const MESSAGE = aMessage({ raw: Buffer.alloc(40) });

let clock: FakeClock;
let bodies: Bodies;
let inHand: Map<number, number>;
let leases: Leases;
beforeEach(() => {
  clock = new FakeClock();
  bodies = new Bodies(1000);
  inHand = new Map();
  let slots = 0;
  const enter = (message: number): number => {
    inHand.set((slots += 1), message);
    return slots;
  };
  let ids = 0;
  leases = new Leases(clock, bodies, { enter, leave: (slot) => void inHand.delete(slot) }, () => (ids += 1));
});

/** Of the first recipient of message `no`. */
function take(no: number, lane = LANE): Lease {
  const id = leases.take(entryNo(no, 0), lane, HOLD);
  return { id, lane, message: MESSAGE, index: 0, recipient: 'b@dest.test', attempts: 0 };
}

test('a lease holds until its end, and not at it', () => {
  const lease = take(7);
  clock.advance(HOLD - 1);
  expect([leases.entryOf(lease), leases.dropExpired()]).toEqual([entryNo(7, 0), new Set()]);
  clock.advance(1);
  expect([leases.entryOf(lease), leases.startSettling(lease)]).toEqual([undefined, undefined]);
  expect(leases.dropExpired()).toEqual(new Set([LANE]));
  expect(leases.drop(lease.id)).toBeUndefined();
});

test('one that is void is not renewed', () => {
  const lease = take(7);
  clock.advance(HOLD);
  leases.renew(lease, HOLD);
  expect(leases.entryOf(lease)).toBeUndefined();
  leases.drop(lease.id);
  leases.renew(lease, HOLD);
  expect(leases.entryOf(lease)).toBeUndefined();
});

test('one that is being settled is nobody else’s, and ends by nothing but that', () => {
  const lease = take(7);
  expect(leases.startSettling(lease)).toBe(entryNo(7, 0));
  expect([leases.startSettling(lease), leases.entryOf(lease)]).toEqual([undefined, undefined]);
  clock.advance(HOLD);
  expect([leases.dropExpired(), leases.dropAll()]).toEqual([new Set(), new Set()]);
  expect(leases.entriesOf(LANE)).toEqual([entryNo(7, 0)]);
  leases.renew(lease, HOLD);
  leases.stopSettling(lease);
  expect(leases.entryOf(lease)).toBe(entryNo(7, 0));
});

test('what is leased is known by lane, and in hand until it is dropped', () => {
  const [first, second, other] = [take(7), take(8), take(9, 'other')];
  expect(leases.entriesOf(LANE)).toEqual([entryNo(7, 0), entryNo(8, 0)]);
  expect([...inHand.values()]).toEqual([7, 8, 9]);
  expect(leases.drop(first.id)).toBe(entryNo(7, 0));
  expect([leases.entriesOf(LANE), leases.entriesOf('other')]).toEqual([[entryNo(8, 0)], [entryNo(9, 0)]]);
  expect([...inHand.values()]).toEqual([8, 9]);
  expect(leases.dropAll()).toEqual(new Set([LANE, 'other']));
  expect([inHand.size, leases.entriesOf(LANE), leases.entryOf(second), leases.entryOf(other)]).toEqual([
    0,
    [],
    undefined,
    undefined,
  ]);
});

test('its message weighs once, and not any more when it ends', () => {
  const [lease, light] = [take(7), take(8)];
  leases.weigh(lease);
  leases.weigh(lease);
  expect(bodies.used).toBe(40);
  leases.drop(light.id);
  leases.weigh(light);
  expect(bodies.used).toBe(40);
  leases.drop(lease.id);
  expect(bodies.used).toBe(0);
});
