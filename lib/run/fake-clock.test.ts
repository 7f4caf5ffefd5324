import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hours, minutes, seconds, sleep } from './clock.ts';
import { FakeClock } from './fake-clock.ts';

test('time moves only when it is moved, both clocks by the same', () => {
  const clock = new FakeClock(1000);
  expect([clock.now(), clock.monotonic()]).toEqual([1000, 0]);
  clock.advance(seconds(5));
  expect([clock.now(), clock.monotonic()]).toEqual([6000, 5000]);
});

test('timers fire once, in the order they are due, at the moment they are due', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5, max: 100 })), fc.nat(120), (delays, by) => {
      const clock = new FakeClock();
      const fired: { delay: number; at: number }[] = [];
      for (const delay of delays) clock.after(delay, () => fired.push({ delay, at: clock.monotonic() }));
      clock.advance(by);
      clock.advance(0);
      const due = delays.filter((delay) => delay <= by).toSorted((a, b) => Math.max(a, 0) - Math.max(b, 0));
      expect(fired).toEqual(due.map((delay) => ({ delay, at: Math.max(delay, 0) })));
      expect(clock.timers).toBe(delays.length - due.length);
    }),
  );
});

test('a timer that is set while another fires counts from that moment', () => {
  const clock = new FakeClock();
  const at: number[] = [];
  const again = (): void => void (at.push(clock.monotonic()) < 4 && clock.after(minutes(1), again));
  clock.after(minutes(1), again);
  clock.advance(hours(1));
  expect(at).toEqual([1, 2, 3, 4].map(minutes));
  expect(clock.timers).toBe(0);
});

test('says when the next timer fires, for whoever goes on from one to the next', () => {
  const clock = new FakeClock();
  expect(clock.next).toBe(Infinity);
  clock.after(seconds(3), () => undefined);
  clock.after(seconds(2), () => undefined);
  clock.advance(seconds(1));
  expect(clock.next).toBe(seconds(2));
  clock.advance(seconds(1));
  expect(clock.next).toBe(seconds(3));
});

test('a cancelled timer never fires, and cancelling again is harmless', () => {
  const clock = new FakeClock();
  let fired = 0;
  const timer = clock.after(1, () => (fired += 1));
  timer.cancel();
  timer.cancel();
  clock.advance(10);
  expect([fired, clock.timers]).toEqual([0, 0]);
});

test('setting the wall clock moves neither timers nor the monotonic clock', () => {
  const clock = new FakeClock(1000);
  let fired = 0;
  clock.after(10, () => (fired += 1));
  clock.setWall(999_999);
  expect([fired, clock.now(), clock.monotonic()]).toEqual([0, 999_999, 0]);
  clock.advance(10);
  expect([fired, clock.now()]).toEqual([1, 1_000_009]);
});

test('sleeping ends when its time has come', async () => {
  const clock = new FakeClock();
  let isAwake = false;
  const sleeping = sleep(clock, 10).then(() => (isAwake = true));
  clock.advance(9);
  await Promise.resolve();
  expect(isAwake).toBe(false);
  clock.advance(1);
  await sleeping;
  expect(isAwake).toBe(true);
});

test('time goes on until work that waits for it has ended, well or badly', async () => {
  const clock = new FakeClock(0);
  const work = async (): Promise<string> => {
    await sleep(clock, 250);
    await sleep(clock, 10);
    return 'done';
  };
  expect(await clock.until(work())).toBe('done');
  expect(clock.monotonic()).toBeGreaterThanOrEqual(260);
  await expect(clock.until(Promise.reject(new Error('no')))).rejects.toThrow('no');
});
