/**
 * What every adapter of limits promises, as tests. An adapter's own test file calls `limitsContract` with a way to open
 * it on a clock that the test moves.
 */
import { describe, expect, test } from 'vitest';
import { type Duration, hours, milliseconds, minutes, seconds } from '#lib/run/clock.ts';
import type { FakeClock } from '#lib/run/fake-clock.ts';
import type { BudgetClaim, Claim, Full, Grant, Limits, RateClaim, Slot, SlotClaim } from './limits.ts';

export interface LimitsHarness {
  readonly clock: FakeClock;
  readonly limits: Limits;
  /** Another process with the same names; in one process the same. */
  readonly other: Limits;
  /** Resolves when nothing is on its way that would change an answer. */
  readonly settle: () => Promise<void>;
}

/** Shorter waits are for what is not at hand yet. */
const AT_HAND: Duration = milliseconds(50);
/** Nobody looks more often. */
const TURN: Duration = milliseconds(10);
/** As a process lives: everything that is done every few seconds is. */
const STEP: Duration = seconds(3);

const rate = (count: number, perSeconds: number, burst?: number, name = 'site a'): RateClaim => ({
  kind: 'rate',
  name,
  rate: { count, perSeconds, ...(burst !== undefined && { burst }) },
});

const budget = ({ clock }: LimitsHarness, limit: number): BudgetClaim => ({
  kind: 'budget',
  name: 'warm-up day 1',
  limit,
  ends: clock.now() + hours(6),
});

/** Waits for what is not at hand yet, if `wait` says that this is it. */
async function isWorthIt({ clock, settle }: LimitsHarness, wait: Duration, tries: number): Promise<boolean> {
  if (wait > AT_HAND || tries > 20) return false;
  await settle();
  clock.advance(tries < 2 ? 0 : wait);
  return true;
}

/** All that there is now, of `max`. */
async function take(
  harness: LimitsHarness,
  claims: readonly Claim[],
  max: number,
  by = harness.limits,
): Promise<Grant> {
  let sum = 0;
  for (let tries = 0; ; tries += 1) {
    const { granted, wait } = by.take(claims, max - sum);
    sum += granted;
    if (sum === max || !(await isWorthIt(harness, wait, tries))) return { granted: sum, wait };
  }
}

async function connect(
  harness: LimitsHarness,
  claims: readonly SlotClaim[],
  by = harness.limits,
): Promise<Slot | Full> {
  for (let tries = 0; ; tries += 1) {
    const slot = by.connect(claims);
    if (!('full' in slot) || !(await isWorthIt(harness, slot.wait ?? Infinity, tries))) return slot;
  }
}

async function pass({ clock, settle }: LimitsHarness, length: Duration): Promise<void> {
  const end = clock.monotonic() + length;
  while (clock.monotonic() < end) {
    clock.advance(Math.min(STEP, end - clock.monotonic()));
    await settle();
  }
}

/** Everything granted in `length` when both ask as often as is worth it. */
async function takeFor(harness: LimitsHarness, { rate: { count, perSeconds }, ...claim }: RateClaim, length: Duration) {
  const { clock, limits, other } = harness;
  const claims = [{ ...claim, rate: { count, perSeconds } }];
  const max = Math.max(10, (count / perSeconds) * 0.04);
  const end = clock.monotonic() + length;
  let sum = 0;
  while (clock.monotonic() < end) {
    const grants = [limits.take(claims, max), other.take(claims, max)];
    await harness.settle();
    sum += grants.reduce((all, { granted }) => all + granted, 0);
    const wait = Math.min(...grants.map((it) => (it.granted === max ? 0 : Math.ceil(it.wait))));
    clock.advance(Math.min(Math.max(wait, TURN), STEP, end - clock.monotonic()));
  }
  return sum;
}

export function limitsContract(name: string, open: () => Promise<LimitsHarness>): void {
  describe(`${name} keeps the promises of the limits port`, () => {
    test.each([600, 6000, 120_000])('%i a minute are kept within 5 percent in every minute', async (count) => {
      const harness = await open();
      for (let minute = 0; minute < 2; minute += 1) {
        const sent = await takeFor(harness, rate(count, 60), minutes(1));
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
      for (let window = 0; window < 3; window += 1) {
        const sent = await takeFor(harness, rate(count, perSeconds), seconds(perSeconds));
        expect(sent).toBeLessThanOrEqual(count + 1);
        expect(sent).toBeGreaterThanOrEqual(count * 0.9);
      }
    });

    test('a pause earns back the burst and no more', async () => {
      const harness = await open();
      const claims = [rate(100, 3600, 5)];
      expect((await take(harness, claims, 100)).granted).toBe(5);
      await pass(harness, hours(2));
      expect((await take(harness, claims, 100)).granted).toBe(5);
      const { granted, wait } = await take(harness, claims, 100);
      expect(granted).toBe(0);
      expect(wait).toBeGreaterThan(35_500);
      expect(wait).toBeLessThanOrEqual(36_000);
    });

    test('several claims grant the least of them, and take it from each', async () => {
      const harness = await open();
      const [narrow, wide] = [rate(60, 60, 3), rate(60, 60, 8, 'provider p')];
      expect((await take(harness, [narrow, wide], 10)).granted).toBe(3);
      expect((await take(harness, [wide], 10)).granted).toBe(5);
      harness.clock.advance(seconds(1));
      expect((await take(harness, [narrow, wide], 10)).granted).toBe(1);
    });

    test('a claim that is refused costs the others nothing', async () => {
      const harness = await open();
      const [empty, full] = [rate(60, 60, 1), rate(60, 60, 8, 'provider p')];
      await take(harness, [empty], 1);
      expect((await take(harness, [empty, full], 10)).granted).toBe(0);
      expect((await take(harness, [full], 10)).granted).toBe(8);
    });

    test('what is given back may be taken again', async () => {
      const harness = await open();
      const claims = [rate(60, 60, 10), budget(harness, 20)];
      expect((await take(harness, claims, 10)).granted).toBe(10);
      harness.limits.giveBack(claims, 4);
      expect((await take(harness, claims, 10)).granted).toBe(4);
      expect((await take(harness, claims.slice(1), 100)).granted).toBe(10);
    });

    test('what there is room for is told, and not taken', async () => {
      const harness = await open();
      const claims = [rate(60, 60, 10), budget(harness, 20)];
      await take(harness, claims, 1);
      for (let look = 0; look < 2; look += 1)
        expect(claims.map((it) => harness.limits.room(it, 100).granted)).toEqual([9, 19]);
      expect((await take(harness, claims, 9)).granted).toBe(9);
    });

    test('a budget is spent until it ends, and says when that is', async () => {
      const harness = await open();
      const today = budget(harness, 50);
      expect(await take(harness, [today], 100)).toEqual({ granted: 50, wait: hours(6) });
      await pass(harness, hours(1));
      expect(await take(harness, [today], 1)).toEqual({ granted: 0, wait: hours(5) });
    });

    test('a budget is one, whoever spends and gives back', async () => {
      const harness = await open();
      const today = budget(harness, 50);
      let [mine, theirs] = [0, 0];
      for (let turn = 0; turn < 40; turn += 1) {
        mine += (await take(harness, [today], 3)).granted;
        theirs += (await take(harness, [today], 2, harness.other)).granted;
        expect(mine + theirs).toBeLessThanOrEqual(50);
      }
      harness.other.giveBack([today], 7);
      await pass(harness, minutes(1));
      mine += (await take(harness, [today], 50)).granted;
      expect(mine + theirs).toBe(57);
    });

    test('under a name no more connections are open than it allows, whoever asks', async () => {
      const harness = await open();
      const site: SlotClaim = { name: 'site a', most: 3 };
      const slots = [await connect(harness, [site, { name: 'source x', most: 100 }])];
      slots.push(await connect(harness, [site], harness.other), await connect(harness, [site]));
      expect(await connect(harness, [site])).toMatchObject({ full: 'site a' });
      expect(await connect(harness, [site], harness.other)).toMatchObject({ full: 'site a' });
      const [first] = slots;
      if (first && 'release' in first) first.release();
      await pass(harness, seconds(5));
      expect(await connect(harness, [site], harness.other)).toHaveProperty('release');
      expect(await connect(harness, [site])).toMatchObject({ full: 'site a' });
    });

    test('a name that counts here says nothing to others, and needs no waiting', async () => {
      const { limits } = await open();
      const here: SlotClaim = { name: 'all connections', most: 1, here: true };
      expect(limits.connect([here])).toHaveProperty('release');
      expect(limits.connect([here])).toEqual({ full: 'all connections' });
    });

    test('of those that wait for a place here one goes before the others, also when it has to ask for room elsewhere', async () => {
      const harness = await open();
      const { clock, limits, settle } = harness;
      const here: SlotClaim = { name: 'all connections', most: 1, here: true };
      const of = (site: string): SlotClaim[] => [here, { name: `site ${site}`, most: 5 }];
      const first = limits.connect(of('a'));
      const others = Array.from({ length: 50 }, (_, at) => limits.connect(of(String(at))));
      expect(others).toEqual(others.map(() => expect.objectContaining({ full: 'all connections' })));
      await settle();
      const slot = 'release' in first ? first : await connect(harness, of('a'));
      if ('release' in slot) slot.release();
      clock.advance(seconds(1));
      expect(await connect(harness, of('0'))).toHaveProperty('release');
    });

    test('how many connections are open under a name is known', async () => {
      const harness = await open();
      const slots = [
        await connect(harness, [{ name: 'a', most: 2 }]),
        await connect(harness, [{ name: 'a', most: 2 }]),
      ];
      expect([harness.limits.used('a'), harness.limits.used('b')]).toEqual([2, 0]);
      for (const [at, slot] of slots.entries()) {
        if ('release' in slot) slot.release();
        expect(harness.limits.used('a')).toBe(1 - at);
      }
    });

    test('a slot refused under one name takes none under the others', async () => {
      const harness = await open();
      const [one, two] = [
        { name: 'provider p', most: 1 },
        { name: 'site a', most: 1 },
      ];
      await connect(harness, [two]);
      expect(await connect(harness, [one, two])).toMatchObject({ full: 'site a' });
      expect(await connect(harness, [one])).toHaveProperty('release');
    });

    test('a slot given back twice is one slot', async () => {
      const harness = await open();
      const claims = [{ name: 'site a', most: 2 }];
      const [first] = [await connect(harness, claims), await connect(harness, claims)];
      if (first && 'release' in first) {
        first.release();
        first.release();
      }
      expect(await connect(harness, claims)).toHaveProperty('release');
      expect(await connect(harness, claims)).toMatchObject({ full: 'site a' });
    });
  });
}
