/**
 * What every adapter of limits promises, as tests. An adapter's own test file calls `limitsContract` with a way to open
 * it on a clock that the test moves.
 */
import { describe, expect, test } from 'vitest';
import { hours, minutes, seconds } from '#lib/run/clock.ts';
import type { FakeClock } from '#lib/run/fake-clock.ts';
import type { Claim, Limits, SlotClaim } from './limits.ts';

export interface LimitsHarness {
  readonly limits: Limits;
  readonly clock: FakeClock;
}

const rate = (count: number, perSeconds: number, burst?: number, name = 'site a'): Claim => ({
  kind: 'rate',
  name,
  rate: { count, perSeconds, ...(burst !== undefined && { burst }) },
});

/** Everything granted in `length` when asked for `max` as often as is worth it. */
function takeFor({ limits, clock }: LimitsHarness, claims: readonly Claim[], length: number, max = 10): number {
  const end = clock.monotonic() + length;
  let sum = 0;
  while (clock.monotonic() < end) {
    const { granted, wait } = limits.take(claims, max);
    sum += granted;
    clock.advance(Math.min(granted === max ? 1 : Math.max(Math.ceil(wait), 1), end - clock.monotonic()));
  }
  return sum;
}

export function limitsContract(name: string, open: () => Promise<LimitsHarness>): void {
  describe(`${name} keeps the promises of the limits port`, () => {
    test.each([600, 6000, 120_000])('%i a minute are kept within 5 %% in every minute', async (count) => {
      const harness = await open();
      for (let minute = 0; minute < 3; minute += 1) {
        const sent = takeFor(harness, [rate(count, 60)], minutes(1));
        expect(sent).toBeGreaterThanOrEqual(count * 0.95);
        expect(sent).toBeLessThanOrEqual(count * 1.05);
      }
    });

    test.each([
      { count: 10, perSeconds: 60 },
      { count: 100, perSeconds: 3600 },
      { count: 1, perSeconds: 600 },
    ])('$count in $perSeconds s is never more than one above', async ({ count, perSeconds }) => {
      const harness = await open();
      for (let window = 0; window < 3; window += 1)
        expect(takeFor(harness, [rate(count, perSeconds)], seconds(perSeconds))).toBeLessThanOrEqual(count + 1);
    });

    test('a pause earns back the burst and no more', async () => {
      const { limits, clock } = await open();
      const claims = [rate(100, 3600, 5)];
      expect(limits.take(claims, 100).granted).toBe(5);
      clock.advance(hours(24));
      expect(limits.take(claims, 100).granted).toBe(5);
      expect(limits.take(claims, 100)).toEqual({ granted: 0, wait: 36_000 });
    });

    test('several claims grant the least of them, and take it from each', async () => {
      const { limits, clock } = await open();
      const [narrow, wide] = [rate(60, 60, 3), rate(60, 60, 8, 'provider p')];
      expect(limits.take([narrow, wide], 10).granted).toBe(3);
      expect(limits.take([wide], 10).granted).toBe(5);
      clock.advance(seconds(1));
      expect(limits.take([narrow, wide], 10).granted).toBe(1);
    });

    test('a claim that is refused costs the others nothing', async () => {
      const { limits } = await open();
      const [empty, full] = [rate(60, 60, 1), rate(60, 60, 8, 'provider p')];
      limits.take([empty], 1);
      expect(limits.take([empty, full], 10).granted).toBe(0);
      expect(limits.take([full], 10).granted).toBe(8);
    });

    test('what is given back may be taken again', async () => {
      const { limits, clock } = await open();
      const budget: Claim = { kind: 'budget', name: 'warm-up', limit: 20, ends: clock.now() + hours(1) };
      const claims = [rate(60, 60, 10), budget];
      expect(limits.take(claims, 10).granted).toBe(10);
      limits.giveBack(claims, 4);
      expect(limits.take(claims, 10).granted).toBe(4);
      expect(limits.take([budget], 100).granted).toBe(10);
    });

    test('a budget is spent until it ends, and says when that is', async () => {
      const { limits, clock } = await open();
      const today: Claim = { kind: 'budget', name: 'warm-up day 1', limit: 50, ends: clock.now() + hours(6) };
      expect(limits.take([today], 100)).toEqual({ granted: 50, wait: hours(6) });
      clock.advance(hours(1));
      expect(limits.take([today], 1)).toEqual({ granted: 0, wait: hours(5) });
    });

    test('under a name no more connections are open than it allows, whoever asks', async () => {
      const { limits } = await open();
      const site: SlotClaim = { name: 'site a', most: 3 };
      const slots = [1, 2, 3].map(() => limits.connect([site, { name: 'source x', most: 100 }]));
      expect(limits.connect([site])).toEqual({ full: 'site a' });
      const [first] = slots;
      if (first && 'release' in first) first.release();
      expect(limits.connect([site])).toHaveProperty('release');
    });

    test('how many connections are open under a name is known', async () => {
      const { limits } = await open();
      const slot = limits.connect([{ name: 'a', most: 2 }]);
      expect([limits.used('a'), limits.used('b')]).toEqual([1, 0]);
      if ('release' in slot) slot.release();
      expect(limits.used('a')).toBe(0);
    });

    test('a slot refused under one name takes none under the others', async () => {
      const { limits } = await open();
      const [one, two] = [
        { name: 'provider p', most: 1 },
        { name: 'site a', most: 1 },
      ];
      limits.connect([two]);
      expect(limits.connect([one, two])).toEqual({ full: 'site a' });
      expect(limits.connect([one])).toHaveProperty('release');
    });

    test('a slot given back twice is one slot', async () => {
      const { limits } = await open();
      const claims = [{ name: 'site a', most: 2 }];
      const [first] = [limits.connect(claims), limits.connect(claims)];
      if (first && 'release' in first) {
        first.release();
        first.release();
      }
      expect(limits.connect(claims)).toHaveProperty('release');
      expect(limits.connect(claims)).toEqual({ full: 'site a' });
    });
  });
}
