import { expect, test } from 'vitest';
import { hours, minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { FakeNotebook } from '../../../test/harness/notebook.ts';
import type { Claim } from './limits.ts';
import { limitsContract } from './limits.contract.ts';
import { LocalLimits } from './local.ts';

limitsContract('in one process', async () => {
  const clock = new FakeClock();
  const limits = new LocalLimits(clock, new FakeNotebook());
  return { clock, limits, other: limits, settle: async () => undefined };
});

test('names that are not used any more are forgotten', () => {
  const clock = new FakeClock();
  const limits = new LocalLimits(clock, new FakeNotebook());
  for (let at = 0; at < 100_000; at += 1) {
    limits.take([{ kind: 'rate', name: `site ${at}`, rate: { count: 1, perSeconds: 1 } }], 1);
    limits.take([{ kind: 'budget', name: `day ${at}`, limit: 1, ends: clock.now() + minutes(1) }], 1);
    clock.advance(seconds(1));
  }
  expect(limits.size).toBeLessThan(12_000);
});

test('what is spent of a budget is spent after a restart, and what was given back is not', () => {
  const clock = new FakeClock();
  const notebook = new FakeNotebook();
  const today: Claim = { kind: 'budget', name: 'day', limit: 10, ends: clock.now() + hours(6) };
  const before = new LocalLimits(clock, notebook);
  expect(before.take([today], 6).granted).toBe(6);
  before.giveBack([today], 2);
  expect(new LocalLimits(clock, notebook.reopened()).take([today], 10)).toEqual({ granted: 6, wait: hours(6) });
});
