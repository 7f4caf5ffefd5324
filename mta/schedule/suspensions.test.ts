import { beforeEach, expect, test } from 'vitest';
import { hours, minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import type { Suspension } from '../mail/suspension.ts';
import type { Plan } from './plan.ts';
import { Suspensions } from './suspensions.ts';

const START = Date.UTC(2026, 0, 1);
const LANE = 'shop shop/main dest.test bulk';
const PLAN: Plan = {
  ready: 'shop/main → mx.dest.test',
  site: 'mx.dest.test',
  towards: { pool: 'shop/main', site: 'mx.dest.test', provider: 'mx.dest.test', connectionsPerSource: 5 },
  connections: 5,
  slots: [],
  openings: [],
  rates: [],
};

let clock: FakeClock;
let replanned: number;

beforeEach(() => {
  clock = new FakeClock(START);
  replanned = 0;
});

const open = (...held: readonly Suspension[]): Suspensions =>
  new Suspensions({ clock, held, replan: () => (replanned += 1) });

const order = (id: string, over: Partial<Suspension> = {}): Suspension => ({
  id,
  about: { tenant: 'shop' },
  why: 'blocklisted',
  by: 'ann',
  at: START,
  ...over,
});

test('a lane that is held has a ready queue of its own, and says who holds it and why', () => {
  const suspensions = open();
  expect(suspensions.planFor(LANE, PLAN)).toBe(PLAN);
  suspensions.begin(order('a'));
  expect(replanned).toBe(1);
  const plan = suspensions.planFor(LANE, PLAN);
  expect(plan).toMatchObject({ site: PLAN.site, held: 'suspended by ann until resumed: blocklisted' });
  expect(plan.ready).not.toBe(PLAN.ready);
  expect(suspensions.planFor('other shop/main dest.test', PLAN)).toBe(PLAN);
  suspensions.end(['a']);
  expect(replanned).toBe(2);
  expect(suspensions.planFor(LANE, PLAN)).toBe(PLAN);
});

test('an order ends by itself, and what it held is planned anew then', () => {
  const suspensions = open();
  suspensions.begin(order('a', { until: START + hours(2) }));
  clock.advance(hours(2) - 1);
  expect([suspensions.current().length, replanned]).toEqual([1, 1]);
  clock.advance(1);
  expect([suspensions.current().length, replanned]).toEqual([0, 2]);
});

test('what held before the start holds on, until its own end', () => {
  const suspensions = open(order('a', { until: START + minutes(5) }), order('b', { about: { site: 'other' } }));
  expect(suspensions.of(LANE, PLAN.site)?.id).toBe('a');
  clock.advance(minutes(5));
  expect(suspensions.of(LANE, PLAN.site)).toBeUndefined();
  expect(suspensions.of(LANE, 'other')?.id).toBe('b');
});

test('of several orders the one that lasts longest is told', () => {
  const suspensions = open(
    order('short', { until: START + minutes(5) }),
    order('long', { until: START + hours(5), about: { domain: 'dest.test' } }),
  );
  expect(suspensions.of(LANE, PLAN.site)?.id).toBe('long');
  suspensions.begin(order('ever', { about: { site: PLAN.site } }));
  expect(suspensions.of(LANE, PLAN.site)?.id).toBe('ever');
});

test('a clock that goes back does not let mail go early', () => {
  const suspensions = open(order('a', { until: START + minutes(1) }));
  clock.setWall(START - minutes(10));
  clock.advance(minutes(1));
  expect(suspensions.of(LANE, PLAN.site)?.id).toBe('a');
  clock.advance(minutes(10));
  expect(suspensions.of(LANE, PLAN.site)).toBeUndefined();
});

test('orders that are given and ended elsewhere stand in place of all before them', () => {
  const suspensions = open(order('a'));
  suspensions.replace([order('b', { about: { site: PLAN.site } })]);
  expect(suspensions.current().map((it) => it.id)).toEqual(['b']);
  expect([replanned, suspensions.of(LANE, PLAN.site)?.id]).toEqual([1, 'b']);
  suspensions.replace([]);
  expect(suspensions.of(LANE, PLAN.site)).toBeUndefined();
});
