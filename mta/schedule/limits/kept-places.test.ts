import { beforeEach, expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { KeptPlaces } from './kept-places.ts';

let clock: FakeClock;
let kept: KeptPlaces;

beforeEach(() => {
  clock = new FakeClock();
  kept = new KeptPlaces(clock);
});

test('a place is kept until who asked comes back', () => {
  kept.keepFor('site a');
  kept.keepFor('site a');
  kept.keepFor('site b');
  expect(kept.places).toBe(2);
  kept.end('site a');
  expect(kept.places).toBe(1);
});

test('who does not come back has lost its place, and who asked again meanwhile has not', () => {
  kept.keepFor('site a');
  kept.keepFor('site b');
  clock.advance(150);
  kept.keepFor('site a');
  clock.advance(50);
  expect(kept.places).toBe(1);
  clock.advance(150);
  expect(kept.places).toBe(0);
});

test('while two hundred ask nobody else may have a place', () => {
  for (let site = 1; site < 200; site += 1) kept.keepFor(`site ${site}`);
  expect(kept.places).toBe(199);
  kept.keepFor('site 200');
  expect(kept.places).toBe(Infinity);
  clock.advance(200);
  expect(kept.places).toBe(0);
});
