import { expect, test } from 'vitest';
import { minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { limitsContract } from './limits.contract.ts';
import { LocalLimits } from './local.ts';

limitsContract('in one process', async () => {
  const clock = new FakeClock();
  return { clock, limits: new LocalLimits(clock) };
});

test('names that are not used any more are forgotten', () => {
  const clock = new FakeClock();
  const limits = new LocalLimits(clock);
  for (let at = 0; at < 100_000; at += 1) {
    limits.take([{ kind: 'rate', name: `site ${at}`, rate: { count: 1, perSeconds: 1 } }], 1);
    limits.take([{ kind: 'budget', name: `day ${at}`, limit: 1, ends: clock.now() + minutes(1) }], 1);
    clock.advance(seconds(1));
  }
  expect(limits.size).toBeLessThan(12_000);
});
