import { expect, it } from 'vitest';
import { FakeClock } from './fake-clock.ts';
import { Deadline } from './deadline.ts';

function deadline() {
  const clock = new FakeClock();
  const state = { missed: 0 };
  return { clock, state, due: new Deadline(clock, () => (state.missed += 1)) };
}

it('is missed once, at its time', () => {
  const { clock, state, due } = deadline();
  due.set(100);
  clock.advance(99);
  expect(state.missed).toBe(0);
  clock.advance(1);
  clock.advance(1000);
  expect(state.missed).toBe(1);
});

it('can be moved later and earlier with one timer', () => {
  const { clock, state, due } = deadline();
  due.set(100);
  clock.advance(50);
  due.set(100);
  clock.advance(60);
  expect(state.missed).toBe(0);
  due.set(10);
  expect(clock.timers).toBe(1);
  clock.advance(10);
  expect(state.missed).toBe(1);
});

it('can be shortened, never lengthened, and stays unset when it is', () => {
  const { clock, state, due } = deadline();
  due.shorten(10);
  clock.advance(1000);
  due.set(100);
  due.shorten(200);
  due.shorten(50);
  clock.advance(49);
  expect(state.missed).toBe(0);
  clock.advance(1);
  expect(state.missed).toBe(1);
});

it('is extended by what was earned, never further than allowed', () => {
  const { clock, state, due } = deadline();
  due.set(100);
  due.extend(50, 120);
  clock.advance(119);
  expect(state.missed).toBe(0);
  clock.advance(1);
  expect(state.missed).toBe(1);
});

it('is not extended when nothing is due', () => {
  const { clock, state, due } = deadline();
  due.set(10);
  due.clear();
  due.extend(10, 10);
  clock.advance(100);
  expect(state.missed).toBe(0);
});

it('leaves no timer when stopped', () => {
  const { clock, due } = deadline();
  due.set(10);
  due.stop();
  expect(clock.timers).toBe(0);
});

it('can be set again after it was cleared, and after it was stopped', () => {
  const { clock, state, due } = deadline();
  due.set(100);
  due.clear();
  clock.advance(200);
  expect(state.missed).toBe(0);
  due.set(50);
  clock.advance(200);
  due.stop();
  due.set(100);
  clock.advance(100);
  expect(state.missed).toBe(2);
});
