import { beforeEach, describe, expect, test } from 'vitest';
import { minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { FakeNotebook } from '../../test/harness/notebook.ts';
import type { Course, Firing } from '../mail/firing.ts';
import type { Plan } from './plan.ts';
import { Restraints } from './restraints.ts';

const COURSE: Course = {
  site: 'dest.test',
  provider: 'yahoo',
  tenant: 't',
  domain: 'example.com',
  pool: 'default/main',
  source: 'default/main/one',
};
const PLAN: Plan = {
  ready: 'default/main → dest.test',
  site: 'dest.test',
  towards: { pool: 'default/main', site: 'dest.test', provider: 'yahoo', connectionsPerSource: Infinity },
  connections: 10,
  slots: [{ name: 'site dest.test', most: 10 }],
  openings: [],
  rates: [],
};

let clock: FakeClock;
let done: unknown[][];
let others: boolean;
let notebook: FakeNotebook;
let restraints: Restraints;

beforeEach(() => {
  clock = new FakeClock();
  done = [];
  others = true;
  notebook = new FakeNotebook();
  restraints = open();
});

function open(): Restraints {
  return new Restraints({
    clock,
    notebook,
    suspendSite: (...of) => done.push(['site', ...of]),
    suspend: (...of) => done.push(['name', ...of]),
    hasOther: () => others,
    replan: () => done.push(['replan']),
  });
}

const firing = (over: Partial<Firing> = {}): Firing => ({
  rule: 'p/r',
  action: 'suspend',
  scope: 'source',
  until: clock.now() + minutes(30),
  sample: '421 go away',
  course: COURSE,
  ...over,
});

test('nothing is restrained while nothing was fired', () => {
  expect([restraints.isIdle, restraints.hold(COURSE), restraints.current()]).toEqual([true, undefined, []]);
  expect(restraints.planFor(PLAN)).toBe(PLAN);
  expect(restraints.messagesOn('dest.test')).toBe(Infinity);
});

test('a source is suspended at the site, a site as a whole, and both are told while they hold', () => {
  restraints.carryOut(firing());
  restraints.carryOut(firing({ scope: 'site' }));
  expect(done).toEqual([
    ['name', 'source default/main/one at dest.test', minutes(30), 'p/r: 421 go away'],
    ['site', 'dest.test', minutes(30), 'p/r: 421 go away'],
  ]);
  expect(restraints.current()).toHaveLength(2);
  clock.advance(minutes(30));
  expect([restraints.current(), restraints.isIdle]).toEqual([[], true]);
});

test('another source is asked for only where there is one', () => {
  others = false;
  restraints.carryOut(firing({ action: 'other-source' }));
  expect([done, restraints.current()]).toEqual([[], []]);
  others = true;
  restraints.carryOut(firing({ action: 'other-source' }));
  expect([done.length, restraints.current().length]).toEqual([1, 1]);
});

test('mail of a domain that is suspended at a provider waits by itself, other mail goes', () => {
  restraints.carryOut(firing({ scope: 'domain' }));
  clock.advance(minutes(10));
  expect(done).toEqual([]);
  expect(restraints.hold(COURSE)).toEqual({ pause: minutes(20), why: 'p/r: 421 go away' });
  expect(restraints.hold({ ...COURSE, site: 'another of it' })).toMatchObject({ pause: minutes(20) });
  for (const other of [{ domain: 'other.com' }, { tenant: 'u' }, { provider: 'google' }])
    expect(restraints.hold({ ...COURSE, ...other })).toBeUndefined();
});

describe('what is slowed', () => {
  const slow = (limits: Firing['limits'], over: Partial<Firing> = {}): Firing =>
    firing({ action: 'slow', ...(limits && { limits }), ...over });

  test('has the tightest limits in its plan until the time has come', () => {
    restraints.carryOut(slow({ connections: 4, rate: { count: 10, perSeconds: 60 } }));
    restraints.carryOut(slow({ connections: 1, messagesPerConnection: 9 }, { scope: 'site' }));
    expect(done).toEqual([['replan'], ['replan']]);
    expect(restraints.planFor(PLAN)).toEqual({
      ...PLAN,
      connections: 1,
      slots: [...PLAN.slots, { name: 'slowed dest.test', most: 1 }],
      rates: [{ kind: 'rate', name: 'slowed dest.test', rate: { count: 10, perSeconds: 60 } }],
    });
    expect(restraints.messagesOn('dest.test')).toBe(9);
    expect(restraints.planFor({ ...PLAN, site: 'elsewhere' }).connections).toBe(10);
    clock.advance(minutes(30));
    expect(restraints.planFor(PLAN)).toBe(PLAN);
  });

  test('for a domain makes that mail wait its turn, and no other', () => {
    restraints.carryOut(slow({ rate: { count: 10, perSeconds: 60 } }, { scope: 'domain' }));
    expect(restraints.hold(COURSE)).toBeUndefined();
    expect(restraints.hold(COURSE)).toEqual({ pause: seconds(6), why: 'p/r: 421 go away' });
    expect(restraints.planFor(PLAN)).toBe(PLAN);
  });
});

test('when a site is slowed no longer, what waits is planned anew', () => {
  restraints.carryOut(firing({ action: 'slow', scope: 'site', limits: { rate: { count: 1, perSeconds: 3600 } } }));
  expect(done).toEqual([['replan']]);
  clock.advance(minutes(30) + seconds(1));
  expect(done).toEqual([['replan'], ['replan']]);
  expect(restraints.planFor(PLAN)).toBe(PLAN);
});

describe('after a restart', () => {
  const restart = (): void => {
    notebook = notebook.reopened();
    done = [];
    restraints = open();
    restraints.resume();
  };

  test('what was set going holds on, for as long as it was said', () => {
    restraints.carryOut(firing());
    restraints.carryOut(firing({ scope: 'domain' }));
    restraints.carryOut(firing({ action: 'slow', scope: 'site', limits: { connections: 1 } }));
    const before = restraints.current();
    clock.advance(minutes(10));
    restart();
    expect(done).toEqual([
      ['name', 'source default/main/one at dest.test', minutes(20), 'p/r: 421 go away'],
      ['replan'],
    ]);
    expect(restraints.current()).toEqual(before);
    expect(restraints.hold(COURSE)).toMatchObject({ pause: minutes(20) });
    expect(restraints.planFor(PLAN).connections).toBe(1);
    clock.advance(minutes(20));
    expect(restraints.current()).toEqual([]);
  });

  test('a source that is the only one by now rests on', () => {
    restraints.carryOut(firing({ action: 'other-source' }));
    others = false;
    restart();
    expect(done).toHaveLength(1);
  });
});
