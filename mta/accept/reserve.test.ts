import { expect, onTestFinished, test } from 'vitest';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { DiskReserve, isBelow, reserveOf, type ReserveState } from './reserve.ts';

const GIB = 1024 ** 3;
const SIZE = { percent: 5, bytes: GIB / 2 };

test.each([
  [1000 * GIB, 50 * GIB],
  [10 * GIB, GIB / 2],
  [GIB, GIB / 2],
])('of a disk of %d bytes %d are kept', (size, kept) => {
  expect(reserveOf(size, SIZE)).toBe(kept);
});

test.each([
  [false, 100, false],
  [false, 99, true],
  [true, 109, true],
  [true, 110, false],
])('below before: %s, %d free of a reserve of 100: below is %s', (before, free, below) => {
  expect(isBelow(before, free, 100)).toBe(below);
});

async function open(look: () => Promise<{ free: number; size: number }>) {
  const clock = new FakeClock();
  const told: ReserveState[] = [];
  const size = () => ({ percent: 5, bytes: 100 });
  const reserve = await DiskReserve.open({ clock, look, size, changed: (state) => told.push(state) });
  onTestFinished(() => reserve.close());
  const next = async (): Promise<void> => {
    clock.advance(seconds(1));
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  };
  return { reserve, told, next, clock };
}

test('it is looked at every second, told of once, and recovers by itself', async () => {
  let free = 99;
  const { reserve, told, next } = await open(async () => ({ free, size: 1000 }));
  expect(reserve.state).toEqual({ isLow: true, free: 99, size: 1000, reserve: 100 });
  await next();
  free = 105;
  await next();
  expect(reserve.state.isLow).toBe(true);
  free = 110;
  await next();
  expect(reserve.state.isLow).toBe(false);
  expect(told.map((it) => it.isLow)).toEqual([true, false]);
});

test('a disk that cannot be asked counts as it did before, and is asked again', async () => {
  let isBroken = false;
  const look = async () => (isBroken ? Promise.reject(new Error('gone')) : { free: 99, size: 1000 });
  const { reserve, next } = await open(look);
  isBroken = true;
  await next();
  expect(reserve.state.isLow).toBe(true);
  isBroken = false;
  await next();
  expect(reserve.state.free).toBe(99);
});

test('a closed one looks no more', async () => {
  const { reserve, clock } = await open(async () => ({ free: 1, size: 1000 }));
  reserve.close();
  expect(clock.timers).toBe(0);
});
