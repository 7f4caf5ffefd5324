import { expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { FakeNotebook } from '../../test/harness/notebook.ts';
import { LocalLimits } from './limits/local.ts';
import { outlookOf } from './outlook.ts';
import type { Plan } from './plan.ts';
import { Rests } from './rests.ts';

const RATE = { count: 60, perSeconds: 60 };
const PLAN: Plan = {
  ready: 'a',
  site: 'mx.test',
  towards: { pool: 'default/main', site: 'mx.test', provider: 'mx.test', connectionsPerSource: 10 },
  connections: 2,
  slots: [{ name: 'site mx.test', most: 2 }],
  openings: [],
  rates: [{ kind: 'rate', name: 'site mx.test', rate: RATE }],
};

function open() {
  const clock = new FakeClock();
  const limits = new LocalLimits(clock, new FakeNotebook());
  const rests = new Rests(clock);
  const source = { name: 'default/main/one', member: 'one', address: '', ehloName: 'x', weight: 1 };
  const sources = {
    choose: () => ({ kind: 'source', source, slots: [], claims: [] }) as const,
    members: () => [{ name: source.name, address: '' }],
  };
  return { limits, rests, parts: { limits, rests, sources, connections: 5 } };
}

test('what would go says from where, and looking takes nothing away', () => {
  const { parts, limits } = open();
  const first = outlookOf(PLAN, parts);
  expect(first).toMatchObject({ site: 'mx.test', from: 'default/main/one', sources: [{ name: 'default/main/one' }] });
  expect(first).not.toHaveProperty('why');
  for (let again = 0; again < 100; again += 1) expect(outlookOf(PLAN, parts)).toEqual(first);
  expect(limits.used('site mx.test')).toBe(0);
});

test('what stands in the way is told with the state of each limit', () => {
  const { parts, limits, rests } = open();
  for (let slots = 0; slots < 2; slots += 1) limits.connect(PLAN.slots);
  const { granted } = limits.take(PLAN.rates, 1000);
  const outlook = outlookOf(PLAN, parts);
  expect(outlook.why).toContain('site mx.test has all it may have');
  expect(outlook.limits).toMatchObject([
    { kind: 'connections', most: 2, used: 2 },
    { kind: 'rate', ...RATE, room: 0, wait: expect.any(Number) },
  ]);
  limits.giveBack(PLAN.rates, granted);
  rests.failed('mx.test', '451 no answer');
  expect(outlookOf(PLAN, parts)).toMatchObject({
    why: 'the site could not be reached and rests',
    wait: 15_000,
    trouble: '451 no answer',
  });
  expect(outlookOf({ ...PLAN, held: 'suspended by ann' }, parts)).toMatchObject({ why: 'suspended by ann' });
});
