import { beforeEach, expect, test } from 'vitest';
import { minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Rests } from './rests.ts';

let clock: FakeClock;
let rests: Rests;
beforeEach(() => {
  clock = new FakeClock();
  rests = new Rests(clock);
});

test('what has not failed is clear', () => {
  expect(rests.of('a')).toEqual({ kind: 'clear' });
});

test('rests double from failure to failure, up to ten minutes', () => {
  const waits = Array.from({ length: 8 }, () => {
    rests.failed('a');
    const state = rests.of('a');
    const wait = state.kind === 'wait' ? state.wait : 0;
    clock.advance(wait);
    return wait / 1000;
  });
  expect(waits).toEqual([15, 30, 60, 120, 240, 480, 600, 600]);
});

test('after a rest one probes, and the others wait until it has ended', () => {
  rests.failed('a');
  clock.advance(seconds(15));
  expect(rests.of('a').kind).toBe('probe');
  rests.probe('a');
  expect(rests.of('a').kind).toBe('probed');
  rests.abandoned('a');
  expect(rests.of('a').kind).toBe('probe');
});

test('connections that fail while it rests belong to the same failure', () => {
  for (let at = 0; at < 5; at += 1) rests.failed('a');
  expect(rests.of('a')).toEqual({ kind: 'wait', wait: seconds(15) });
});

test('what is reached again begins anew', () => {
  rests.failed('a');
  clock.advance(minutes(1));
  rests.failed('a');
  rests.reached('a');
  expect(rests.of('a').kind).toBe('clear');
  rests.failed('a');
  expect(rests.of('a')).toEqual({ kind: 'wait', wait: seconds(15) });
});

test('a suspension lasts as long as it was said, whatever is answered meanwhile, and the longer one counts', () => {
  rests.suspend('a', minutes(30), 'rule a');
  rests.suspend('a', minutes(5), 'rule b');
  rests.failed('a', 'away');
  expect(rests.reached('a')).toBe(false);
  expect(rests.of('a')).toEqual({ kind: 'wait', wait: minutes(30) });
  expect([rests.isSuspended('a'), rests.troubleOf('a')]).toEqual([true, 'rule a']);
  clock.advance(minutes(30));
  expect([rests.isSuspended('a'), rests.of('a').kind]).toEqual([false, 'probe']);
  expect(rests.reached('a')).toBe(true);
});

test('why it failed is known until it takes mail, and how long it would rest next', () => {
  rests.failed('a', '451 4.4.1 no connection');
  expect([rests.troubleOf('a'), rests.pauseOf('a')]).toEqual(['451 4.4.1 no connection', seconds(30)]);
  clock.advance(minutes(1));
  expect(rests.troubleOf('a')).toBe('451 4.4.1 no connection');
  rests.reached('a');
  expect([rests.troubleOf('a'), rests.pauseOf('a')]).toEqual([undefined, seconds(15)]);
});

test('what has failed long ago is forgotten', () => {
  rests.failed('a', 'away');
  clock.advance(minutes(90));
  for (let at = 0; at < 1000; at += 1) rests.failed(`b${at}`);
  expect(rests.troubleOf('a')).toBeUndefined();
});

test('somebody may end what rests at a site: the site, and sources there, and nothing else', () => {
  for (const name of ['mx.test', 'source one at mx.test', 'source one at other.test', 'source one', 'amx.test'])
    rests.suspend(name, minutes(5), 'busy');
  rests.endAt('mx.test');
  const waiting = ['mx.test', 'source one at mx.test', 'source one at other.test', 'source one', 'amx.test'];
  expect(waiting.filter((it) => rests.of(it).kind === 'wait')).toEqual(waiting.slice(2));
});
