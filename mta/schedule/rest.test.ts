import { beforeEach, expect, test } from 'vitest';
import { minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Rest } from './rest.ts';

let clock: FakeClock;
let ends: number;
let rest: Rest;

beforeEach(() => {
  clock = new FakeClock();
  ends = 0;
  rest = new Rest(clock, () => (ends += 1));
});

test('grows from failure to failure, and begins anew when the site was reached', () => {
  const pauses = Array.from({ length: 8 }, () => {
    const { pause } = rest;
    rest.unreachable('away');
    clock.advance(pause);
    return pause / 1000;
  });
  expect(pauses).toEqual([15, 30, 60, 120, 240, 480, 600, 600]);
  expect(rest.hasFailed).toBe(true);
  rest.reached();
  expect([rest.hasFailed, rest.pause, rest.trouble, rest.isRemembered]).toEqual([false, seconds(15), undefined, false]);
  expect(clock.timers).toBe(0);
});

test('of a site that fails while it rests is the same one', () => {
  rest.unreachable('away');
  rest.unreachable('away again');
  expect([rest.until, rest.trouble]).toEqual([clock.now() + seconds(15), 'away']);
});

test('is over once, and remembered for a while', () => {
  rest.unreachable('away');
  clock.advance(seconds(15));
  expect([rest.isOn, rest.isRemembered, ends]).toEqual([false, true, 1]);
  clock.advance(minutes(20));
  expect([rest.isRemembered, ends, clock.timers]).toEqual([false, 2, 0]);
});

test('by name lasts until its time, whatever the site answers, and the longer one counts', () => {
  rest.suspend(clock.now() + minutes(30), 'rule a');
  rest.suspend(clock.now() + minutes(5), 'rule b');
  rest.unreachable('away');
  rest.reached();
  expect([rest.isSuspended, rest.trouble]).toEqual([true, 'rule a']);
  clock.advance(minutes(29));
  rest.suspend(clock.now() + minutes(5), 'rule c');
  clock.advance(minutes(4));
  expect([rest.isSuspended, rest.trouble]).toEqual([true, 'rule c']);
  clock.advance(minutes(1));
  expect([rest.isSuspended, rest.isOn, rest.trouble, ends, clock.timers]).toEqual([false, false, undefined, 1, 0]);
});

test('by name that is over already is none', () => {
  rest.suspend(clock.now(), 'late');
  expect(rest.isOn).toBe(false);
});
