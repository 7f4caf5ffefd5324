import { expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Crew } from './crew.ts';
import type { Heartbeat } from './heartbeat.ts';

const beat = (name: string): Heartbeat => ({ name, isLeaving: false, held: new Map() });

test('who begins is sure when everybody has had time to be heard', () => {
  const clock = new FakeClock();
  const crew = new Crew('a', clock);
  expect(crew.isCutOff).toBe(true);
  crew.hear(beat('a'));
  clock.advance(1000);
  crew.hear(beat('a'));
  crew.hear(beat('b'));
  expect(crew.isSure).toBe(false);
  clock.advance(1500);
  expect(crew.isSure).toBe(true);
  expect(crew.others().map((it) => it.name)).toEqual(['b']);
});

/** We are heard each second, for so many. */
function pass(crew: Crew, clock: FakeClock, seconds: number): void {
  for (let second = 0; second < seconds; second += 1) {
    clock.advance(1000);
    crew.hear(beat('a'));
  }
}

test('who is heard no more is doubted, dead after five seconds, and somebody else then', () => {
  const clock = new FakeClock();
  const crew = new Crew('a', clock);
  crew.hear(beat('b'));
  pass(crew, clock, 2);
  expect(crew.doubted()).toEqual(new Set());
  pass(crew, clock, 1);
  expect(crew.doubted()).toEqual(new Set(['b']));
  pass(crew, clock, 2);
  expect(crew.others()).toHaveLength(1);
  clock.advance(1);
  expect(crew.others()).toEqual([]);
});

test('while this process stands still nobody dies: what was said meanwhile is still to be read', () => {
  const clock = new FakeClock();
  const crew = new Crew('a', clock);
  pass(crew, clock, 7);
  crew.hear(beat('b'));
  clock.advance(1500);
  crew.hear(beat('a'));
  clock.advance(3900);
  expect([crew.isCutOff, crew.others().length]).toEqual([false, 1]);
  pass(crew, clock, 3);
  expect(crew.others()).toEqual([]);
});

test('who begins takes nobody for dead before he would be, however long that one stands still', () => {
  const clock = new FakeClock();
  const crew = new Crew('a', clock);
  crew.hear(beat('a'));
  pass(crew, clock, 5);
  expect([crew.isSure, crew.knowsAll]).toEqual([true, false]);
  clock.advance(1);
  expect(crew.knowsAll).toBe(true);
});

test('who hears himself no more is cut off before the others take him for dead, and listens when he is back', () => {
  const clock = new FakeClock();
  const crew = new Crew('a', clock);
  crew.hear(beat('a'));
  clock.advance(3000);
  crew.hear(beat('a'));
  expect(crew.isSure).toBe(true);
  clock.advance(4001);
  expect([crew.isCutOff, crew.isSure]).toEqual([true, false]);
  crew.hear(beat('a'));
  expect([crew.isCutOff, crew.isSure]).toEqual([false, false]);
  clock.advance(2500);
  expect(crew.isSure).toBe(true);
});
