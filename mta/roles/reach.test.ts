import { expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Reach } from './reach.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('who does not answer within a second, or says that it cannot, is away until it answers', async () => {
  const clock = new FakeClock();
  const told: boolean[] = [];
  let answer: () => Promise<unknown> = async () => undefined;
  const reach = new Reach({ clock, ask: () => answer(), changed: (it) => told.push(it) });
  clock.advance(500);
  await turn();
  expect([reach.isAway, told]).toEqual([false, []]);

  answer = () => new Promise(() => undefined);
  clock.advance(500);
  clock.advance(1000);
  await turn();
  expect([reach.isAway, told]).toEqual([true, [true]]);

  answer = async () => {
    throw new Error('no leader');
  };
  clock.advance(500);
  await turn();
  expect(told).toEqual([true]);

  answer = async () => undefined;
  clock.advance(500);
  await turn();
  expect([reach.isAway, told]).toEqual([false, [true, false]]);
  reach.close();
  expect(clock.timers).toBe(0);
});
