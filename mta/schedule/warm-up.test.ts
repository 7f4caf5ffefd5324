import { expect, test } from 'vitest';
import { hours } from '#lib/run/clock.ts';
import { dayEnds, type WarmUp, warmUpDay, warmUpLimit } from './warm-up.ts';

const START = Date.UTC(2026, 2, 1);
const on = (day: number, hour = 12): number => START + hours(24 * day + hour);
const plan = (over: Partial<WarmUp>): WarmUp => ({ startDate: '2026-03-01', plan: 'Standard', ...over });

test.each([
  { plan: 'Standard', day: 0, limit: 500 },
  { plan: 'Standard', day: 1, limit: 700 },
  { plan: 'Standard', day: 10, limit: 14_463 },
  { plan: 'Standard', day: 35, limit: undefined },
  { plan: 'Careful', day: 0, limit: 100 },
  { plan: 'Careful', day: 10, limit: 931 },
  { plan: 'Careful', day: 60, limit: undefined },
  { plan: 'Standard', day: -1, limit: 0 },
] as const)('$plan allows $limit to a provider on day $day', ({ plan: name, day, limit }) => {
  expect(warmUpLimit(plan({ plan: name }), on(day))).toBe(limit);
});

test('a custom plan says each day, and nothing limits after the last', () => {
  const custom = plan({ plan: 'Custom', dailyLimits: [10, 20] });
  expect([0, 1, 2].map((day) => warmUpLimit(custom, on(day)))).toEqual([10, 20, undefined]);
});

test('a day begins and ends at midnight in UTC', () => {
  expect(warmUpDay(plan({}), on(0, 0))).toBe(0);
  expect(warmUpDay(plan({}), on(0, 0) - 1)).toBe(-1);
  expect(dayEnds(on(0, 0))).toBe(on(1, 0));
  expect(dayEnds(on(1, 0) - 1)).toBe(on(1, 0));
});
