import { beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Deadline } from './deadline.ts';

describe('a deadline', () => {
  let clock: FakeClock;
  let passed: number[];
  let deadline: Deadline;
  beforeEach(() => {
    clock = new FakeClock();
    passed = [];
    deadline = new Deadline(clock, () => passed.push(clock.monotonic()));
  });

  test('passes once', () => {
    deadline.set(100);
    clock.advance(500);
    expect(passed).toEqual([100]);
    expect(clock.timers).toBe(0);
  });

  test('moves back without another timer', () => {
    deadline.set(100);
    clock.advance(60);
    deadline.set(100);
    expect(clock.timers).toBe(1);
    clock.advance(500);
    expect(passed).toEqual([160]);
  });

  test('moves forward', () => {
    deadline.set(1000);
    deadline.set(10);
    clock.advance(2000);
    expect(passed).toEqual([10]);
  });

  test('is not reached when it was cleared, and can be set again', () => {
    deadline.set(100);
    deadline.clear();
    clock.advance(200);
    deadline.set(50);
    clock.advance(200);
    expect(passed).toEqual([250]);
  });

  test('leaves no timer when it is cancelled', () => {
    deadline.set(100);
    deadline.cancel();
    expect(clock.timers).toBe(0);
    deadline.set(100);
    clock.advance(100);
    expect(passed).toEqual([100]);
  });
});
