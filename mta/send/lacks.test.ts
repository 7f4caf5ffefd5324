import { expect, test } from 'vitest';
import { hours, minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Lacks } from './lacks.ts';

const HOST = 'mx.example.net [192.0.2.1]:25';

test('what a host lacks is known of that host alone, and of nothing else it may lack', () => {
  const lacks = new Lacks(new FakeClock());
  lacks.learn(HOST, 'CHUNKING');
  expect(lacks.has(HOST, 'CHUNKING')).toBe(true);
  expect(lacks.has(HOST, 'SMTPUTF8')).toBe(false);
  expect(lacks.has('mx.example.net [192.0.2.2]:25', 'CHUNKING')).toBe(false);
});

test.each([
  ['CHUNKING', hours(24)],
  ['SMTPUTF8', minutes(10)],
] as const)('%s is tried again after a while, counted from when it was last learnt', (lack, lasts) => {
  const clock = new FakeClock();
  const lacks = new Lacks(clock);
  lacks.learn(HOST, lack);
  clock.advance(lasts - 1);
  expect(lacks.has(HOST, lack)).toBe(true);
  lacks.learn(HOST, lack);
  clock.advance(lasts - 1);
  expect(lacks.has(HOST, lack)).toBe(true);
  clock.advance(1);
  expect(lacks.has(HOST, lack)).toBe(false);
});

test('the oldest is forgotten when there is too much to remember', () => {
  const lacks = new Lacks(new FakeClock());
  for (let host = 0; host < 10_000; host += 1) lacks.learn(`mx${host}`, 'CHUNKING');
  lacks.learn('mx0', 'CHUNKING');
  lacks.learn('another', 'CHUNKING');
  expect(['mx0', 'mx1', 'mx2', 'another'].map((host) => lacks.has(host, 'CHUNKING'))).toEqual([
    true,
    false,
    true,
    true,
  ]);
});
