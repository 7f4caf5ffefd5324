import { expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seconds } from '#lib/run/clock.ts';
import { Saturation, type Used, usedHere } from './saturation.ts';

function opened() {
  const clock = new FakeClock();
  const world = { used: { loop: 0, processors: 0 } as Used, shares: [0.1] };
  const saturation = new Saturation({ clock, used: () => world.used, shares: () => world.shares });
  return { clock, world, saturation };
}

test('a worker is as busy as what is scarcest', () => {
  const { clock, world, saturation } = opened();
  expect(saturation.read()).toBe(0.1);
  clock.advance(seconds(20));
  world.used = { loop: seconds(5), processors: seconds(8) };
  expect(saturation.read()).toBe(0.4);
  world.shares = [0.2, 0.9];
  expect(saturation.read()).toBe(0.9);
});

test('who reads twice at once is told the same, and of what is over nothing', () => {
  const { clock, world, saturation } = opened();
  clock.advance(seconds(10));
  world.used = { loop: seconds(8), processors: 0 };
  expect(saturation.read()).toBe(0.8);
  clock.advance(seconds(1));
  expect(saturation.read()).toBe(0.8);
  clock.advance(seconds(19));
  expect(saturation.read()).toBe(0.1);
});

test('nobody is busier than wholly', () => {
  const { clock, world, saturation } = opened();
  clock.advance(seconds(10));
  world.used = { loop: 0, processors: seconds(11) };
  expect(saturation.read()).toBe(1);
});

test('a process knows what it has used', () => {
  const { loop, processors } = usedHere();
  expect(loop).toBeGreaterThanOrEqual(0);
  expect(processors).toBeGreaterThan(0);
});
