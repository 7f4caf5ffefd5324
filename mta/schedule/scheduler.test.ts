import { beforeEach, expect, test } from 'vitest';
import { minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Scheduler, type Turn } from './scheduler.ts';

let clock: FakeClock;
let started: Turn[];
let scheduler: Scheduler;

/** A lane's site is the part before the dash; every site may have two connections, all together three. */
beforeEach(() => {
  clock = new FakeClock();
  started = [];
  scheduler = new Scheduler({
    clock,
    planOf: (lane) => ({ site: lane.split('-')[0] ?? '', connections: 2 }),
    start: (turn) => started.push(turn),
    connections: 3,
  });
});
const turn = (at: number): Turn => {
  const it = started[at];
  if (!it) throw new Error(`connection ${at} was not started`);
  return it;
};
const lanes = () => started.map((it) => it.lane);

test('a lane starts a connection, and a site gets no more than its limit', () => {
  for (const lane of ['a-1', 'a-2', 'a-3']) scheduler.announce(lane);
  expect(lanes()).toEqual(['a-1', 'a-2']);
});

test('a connection takes the lanes of its site in turn', async () => {
  for (const lane of ['a-1', 'a-2', 'a-3', 'a-4']) scheduler.announce(lane);
  expect(await turn(0).next(0)).toBe('a-3');
  turn(0).putBack('a-3');
  expect(await turn(1).next(0)).toBe('a-4');
  expect(await turn(1).next(0)).toBe('a-3');
});

test('sites do not wait for one another', () => {
  for (const lane of ['a-1', 'a-2', 'a-3', 'b-1']) scheduler.announce(lane);
  expect(lanes()).toEqual(['a-1', 'a-2', 'b-1']);
});

test('a site that finds all connections taken is served as soon as one ends', () => {
  for (const lane of ['a-1', 'a-2', 'b-1', 'c-1']) scheduler.announce(lane);
  expect(started).toHaveLength(3);
  turn(0).leave('done');
  expect(lanes()[3]).toBe('c-1');
});

test('an idle connection gets the next lane of its site, before a new one is started', async () => {
  scheduler.announce('a-1');
  const next = turn(0).next(seconds(5));
  scheduler.announce('a-2');
  expect(await next).toBe('a-2');
  expect(started).toHaveLength(1);
});

test('an idle connection gives up after its time, and leaves no timer', async () => {
  scheduler.announce('a-1');
  const next = turn(0).next(seconds(5));
  clock.advance(seconds(5));
  expect(await next).toBeUndefined();
  expect(clock.timers).toBe(0);
});

test('an idle connection gives way to another site when all are taken', async () => {
  for (const lane of ['a-1', 'a-2', 'b-1']) scheduler.announce(lane);
  const next = turn(2).next(seconds(5));
  scheduler.announce('c-1');
  expect(await next).toBeUndefined();
  turn(2).leave('done');
  expect(lanes()[3]).toBe('c-1');
});

test('an unreachable site rests, is probed by one connection, and rests longer', () => {
  for (const lane of ['a-1', 'a-2', 'a-3', 'a-4']) scheduler.announce(lane);
  turn(0).leave('unreachable');
  turn(1).leave('unreachable');
  clock.advance(seconds(14));
  expect(started).toHaveLength(2);
  clock.advance(seconds(1));
  expect(started).toHaveLength(3);
  turn(2).leave('unreachable');
  clock.advance(seconds(29));
  expect(started).toHaveLength(3);
  clock.advance(seconds(1));
  expect(started).toHaveLength(4);
});

test('a rest never exceeds ten minutes', () => {
  scheduler.announce('a-1');
  for (let at = 0; at < 12; at += 1) {
    turn(at).putBack('a-1');
    turn(at).leave('unreachable');
    clock.advance(minutes(10));
  }
  expect(started).toHaveLength(13);
});

test('a site that was reached again gets all its connections', () => {
  for (const lane of ['a-1', 'a-2', 'a-3']) scheduler.announce(lane);
  turn(0).leave('unreachable');
  turn(1).leave('unreachable');
  scheduler.announce('a-4');
  clock.advance(seconds(15));
  expect(started).toHaveLength(3);
  turn(2).reached();
  expect(started).toHaveLength(4);
});

test('after stop nothing starts and nobody waits', async () => {
  scheduler.announce('a-1');
  const next = turn(0).next(seconds(5));
  scheduler.stop();
  expect(await next).toBeUndefined();
  scheduler.announce('a-2');
  expect(started).toHaveLength(1);
});

test('a lane that belongs elsewhere by now goes there, also when a connection asks for the next', async () => {
  const moved = new Map<string, string>();
  scheduler = new Scheduler({
    clock,
    planOf: (lane) => ({ site: moved.get(lane) ?? 'old', connections: 1 }),
    start: (it) => started.push(it),
    connections: 9,
  });
  for (const lane of ['1', '2', '3']) scheduler.announce(lane);
  moved.set('2', 'new');
  expect(await turn(0).next(0)).toBe('3');
  expect(lanes()).toEqual(['1', '2']);
});

test('after a change of the rules, lanes at a resting site are sent where they belong now', () => {
  let site = 'broken';
  scheduler = new Scheduler({
    clock,
    planOf: () => ({ site, connections: 1 }),
    start: (it) => started.push(it),
    connections: 9,
  });
  scheduler.announce('1');
  scheduler.announce('2');
  turn(0).putBack('1');
  turn(0).leave('unreachable');
  site = 'mended';
  scheduler.replan();
  expect(lanes()).toEqual(['1', '2']);
  expect(scheduler.sites().map((it) => it.site)).toContain('mended');
});

test('sites that never run dry do not shut out another', () => {
  for (const lane of ['a-1', 'a-2', 'a-3', 'c-1', 'c-2', 'b-1']) scheduler.announce(lane);
  for (let at = 0; at < 6; at += 1) {
    const it = turn(at);
    it.putBack(it.lane);
    it.leave('done');
  }
  expect(lanes()).toContain('b-1');
});

test('after stop a connection is told not to go on, and gets no lane that waits', async () => {
  for (const lane of ['a-1', 'a-2', 'a-3']) scheduler.announce(lane);
  expect(turn(0).goesOn).toBe(true);
  scheduler.stop();
  expect(turn(0).goesOn).toBe(false);
  expect(await turn(0).next(0)).toBeUndefined();
});

test('sites are forgotten, those that could not be reached a while after their rest', () => {
  scheduler.announce('a-1');
  turn(0).leave('done');
  scheduler.announce('b-1');
  turn(1).leave('unreachable');
  expect(scheduler.sites().map((it) => it.site)).toEqual(['b']);
  clock.advance(minutes(19));
  expect(scheduler.sites()).toHaveLength(1);
  clock.advance(minutes(2));
  expect(scheduler.sites()).toEqual([]);
  expect(clock.timers).toBe(0);
});

test('a site rests longer each time, also when nothing waited between two failures', () => {
  const rests = Array.from({ length: 8 }, (_, at) => {
    scheduler.announce('a-1');
    const { pause } = turn(at);
    turn(at).leave('unreachable');
    clock.advance(pause + seconds(1));
    return pause;
  });
  expect(rests.map((it) => it / 1000)).toEqual([15, 30, 60, 120, 240, 480, 600, 600]);
});

test('why a site was not reached is told to people and to the next who tries, until it is reached', () => {
  scheduler.announce('a-1');
  expect(turn(0).trouble).toBeUndefined();
  turn(0).leave('unreachable', '451 4.4.1 no connection');
  turn(0).putBack('a-1');
  expect(started).toHaveLength(1);
  expect(scheduler.sites()).toEqual([
    {
      site: 'a',
      connections: 0,
      lanes: 1,
      resting: true,
      until: clock.now() + seconds(15),
      trouble: '451 4.4.1 no connection',
    },
  ]);
  clock.advance(seconds(15));
  expect(turn(1).trouble).toBe('451 4.4.1 no connection');
  turn(1).reached();
  expect(scheduler.sites()).toEqual([{ site: 'a', connections: 1, lanes: 0, resting: false }]);
});

test('a site that is suspended starts nothing, its connections end, and it goes on when the time has come', async () => {
  for (const lane of ['a-1', 'a-2', 'a-3']) scheduler.announce(lane);
  const next = turn(0).next(seconds(5));
  expect(await next).toBe('a-3');
  const idle = turn(1).next(seconds(5));
  scheduler.suspend('a', clock.now() + minutes(30), 'yahoo/complaints: 421 4.7.0 [TSS04] deferred');
  expect(await idle).toBeUndefined();
  expect(turn(0).goesOn).toBe(false);
  turn(0).leave('done');
  turn(1).leave('done');
  scheduler.announce('a-3');
  expect(started).toHaveLength(2);
  expect(scheduler.sites()).toMatchObject([{ resting: true, trouble: 'yahoo/complaints: 421 4.7.0 [TSS04] deferred' }]);
  clock.advance(minutes(30));
  expect(lanes()[2]).toBe('a-3');
});
