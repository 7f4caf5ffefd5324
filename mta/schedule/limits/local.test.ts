import { describe, expect, test } from 'vitest';
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

describe('every ten thousand calls', () => {
  const rateOf = (at: number, perSeconds = 1): Claim => ({
    kind: 'rate',
    name: `site ${at}`,
    rate: { count: 1, perSeconds },
  });
  const calls = (limits: LocalLimits, count: number): void => {
    for (let at = 0; at < count; at += 1) limits.take([], 0);
  };

  test('what is in use is kept', () => {
    const clock = new FakeClock();
    const limits = new LocalLimits(clock, new FakeNotebook());
    const today: Claim = { kind: 'budget', name: 'day', limit: 10, ends: clock.now() + hours(6) };
    limits.take([rateOf(1, 3600), today], 1);
    calls(limits, 10_000);
    expect(limits.take([rateOf(1, 3600)], 1).granted).toBe(0);
    expect(limits.take([today], 10).granted).toBe(9);
  });

  test('what is used up by now and what has ended now is forgotten', () => {
    const clock = new FakeClock();
    const limits = new LocalLimits(clock, new FakeNotebook());
    limits.take([rateOf(1), { kind: 'budget', name: 'day', limit: 10, ends: clock.now() + seconds(1) }], 1);
    clock.advance(seconds(1));
    calls(limits, 9998);
    expect(limits.size).toBe(2);
    calls(limits, 1);
    expect(limits.size).toBe(0);
  });
});

describe('a budget', () => {
  const open = () => {
    const clock = new FakeClock();
    const today: Claim = { kind: 'budget', name: 'day', limit: 50, ends: clock.now() + hours(6) };
    return { limits: new LocalLimits(clock, new FakeNotebook()), today };
  };
  const rate: Claim = { kind: 'rate', name: 'site', rate: { count: 60, perSeconds: 60 } };

  test('that is enough is not waited for', () => {
    const { limits, today } = open();
    expect(limits.take([today], 50)).toEqual({ granted: 50, wait: 0 });
  });

  test('that was made less than what is spent grants nothing', () => {
    const { limits, today } = open();
    limits.take([today], 50);
    expect(limits.take([{ ...today, limit: 20 }], 5)).toEqual({ granted: 0, wait: hours(6) });
  });

  test('is no more than there was, however much is given back', () => {
    const { limits, today } = open();
    limits.take([today], 10);
    limits.giveBack([today], 20);
    expect(limits.take([today], 100).granted).toBe(50);
  });

  test('or a rate, whichever takes longer says when to ask again', () => {
    const { limits, today } = open();
    const little = { ...today, limit: 2 };
    expect(limits.take([little, rate], 5)).toEqual({ granted: 1, wait: hours(6) });
    expect(limits.take([rate, little], 5)).toEqual({ granted: 0, wait: hours(6) });
  });
});

test('what is refused is not counted, and what was closed is not any more', () => {
  const limits = new LocalLimits(new FakeClock(), new FakeNotebook());
  const [used, unused] = ['a', 'b'].map((name): Claim => ({ kind: 'rate', name, rate: { count: 1, perSeconds: 1 } }));
  if (used) limits.take([used], 1);
  if (used && unused) limits.take([used, unused], 1);
  expect(limits.size).toBe(1);
  const slot = limits.connect([{ name: 'site', most: 1 }]);
  expect(limits.size).toBe(2);
  if ('release' in slot) slot.release();
  expect(limits.size).toBe(1);
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
