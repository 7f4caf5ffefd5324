/**
 * What every adapter of suppressions promises, as tests; called by the ledger's contract.
 */
import { describe, expect, test } from 'vitest';
import { minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import type { Suppression } from '../../mail/suppression.ts';
import type { Suppressions } from './suppressions.ts';

const START = Date.UTC(2026, 0, 1);

export const aSuppression = (subject: string, over: Partial<Suppression> = {}): Suppression => ({
  subject,
  reason: 'complaint',
  source: 'api',
  createdAt: START,
  ...over,
});

/** `open` gives an empty ledger; what `reopen` gives has been closed and read anew. */
export function suppressionsContract(
  open: (clock: FakeClock) => Promise<{ suppressions: Suppressions; reopen: () => Promise<Suppressions> }>,
): void {
  describe('suppressions', () => {
    const ann = aSuppression('ann@dest.test', { reason: 'invalid-address', source: 'é "x"', expiresAt: START + 5 });

    test('are there with every field once they are durable, also after a restart', async () => {
      const { suppressions, reopen } = await open(new FakeClock(START));
      await suppressions.suppress('shop', [ann, aSuppression('dest.test')]);
      for (const each of [suppressions, await reopen()]) {
        expect(await each.find('shop', 'ann@dest.test')).toEqual(ann);
        expect(await each.find('shop', 'dest.test')).toEqual(aSuppression('dest.test'));
        expect(await each.match('shop', 'ann@dest.test')).toEqual(ann);
      }
    });

    test('of an address come before those of its domain, and a domain does not mean those below it', async () => {
      const { suppressions } = await open(new FakeClock(START));
      await suppressions.suppress('shop', [aSuppression('dest.test'), aSuppression('bob@dest.test')]);
      expect((await suppressions.match('shop', 'bob@dest.test'))?.subject).toBe('bob@dest.test');
      expect((await suppressions.match('shop', 'eve@dest.test'))?.subject).toBe('dest.test');
      expect(await suppressions.match('shop', 'eve@mail.dest.test')).toBeUndefined();
      expect(await suppressions.find('shop', 'eve@dest.test')).toBeUndefined();
    });

    test('B10 are one entry for every way of writing an address', async () => {
      const { suppressions } = await open(new FakeClock(START));
      await suppressions.suppress('shop', [aSuppression('A.nn+x@gmail.com')]);
      await suppressions.replace('shop', aSuppression('ANN@googlemail.com'));
      expect(await suppressions.list('shop', { limit: 10 })).toEqual([aSuppression('ANN@googlemail.com')]);
      expect(await suppressions.match('shop', 'an.n@gmail.com')).toBeDefined();
      expect(await suppressions.unsuppress('shop', 'ann+y@gmail.com')).toBeDefined();
      expect(await suppressions.match('shop', 'ANN@googlemail.com')).toBeUndefined();
    });

    test('are their tenant’s alone', async () => {
      const { suppressions } = await open(new FakeClock(START));
      await suppressions.suppress('shop', [ann]);
      for (const tenant of ['default', 'sho', 'shopp', '']) {
        expect(suppressions.match(tenant, 'ann@dest.test')).toBeUndefined();
        expect(await suppressions.find(tenant, 'ann@dest.test')).toBeUndefined();
        expect(await suppressions.list(tenant, { limit: 10 })).toEqual([]);
        expect(await suppressions.unsuppress(tenant, 'ann@dest.test')).toBeUndefined();
      }
      expect(await suppressions.find('shop', 'ann@dest.test')).toEqual(ann);
    });

    test('answer at once for nearly everybody who is not suppressed', async () => {
      const { suppressions } = await open(new FakeClock(START));
      expect(suppressions.match('shop', 'ann@dest.test')).toBeUndefined();
      await suppressions.suppress('shop', [ann]);
      const others = Array.from({ length: 1000 }, (_, at) => suppressions.match('shop', `other${at}@else.test`));
      expect(others.filter((it) => it !== undefined).length).toBeLessThan(10);
      expect(await Promise.all(others.filter((it) => it !== undefined))).not.toContainEqual(expect.anything());
    });

    test('do not count from the moment they expire', async () => {
      const clock = new FakeClock(START);
      const { suppressions } = await open(clock);
      await suppressions.suppress('shop', [aSuppression('ann@dest.test', { expiresAt: START + minutes(1) })]);
      clock.advance(minutes(1) - 1);
      expect(await suppressions.match('shop', 'ann@dest.test')).toBeDefined();
      clock.advance(1);
      expect(await suppressions.match('shop', 'ann@dest.test')).toBeUndefined();
      expect(await suppressions.find('shop', 'ann@dest.test')).toBeUndefined();
      expect(await suppressions.list('shop', { limit: 10 })).toEqual([]);
      expect(await suppressions.unsuppress('shop', 'ann@dest.test')).toBeUndefined();
    });

    const longer = aSuppression('ann@dest.test', { expiresAt: START + minutes(9) });
    const always = aSuppression('ann@dest.test', { reason: 'unsubscribe' });
    test.each([
      ['one that ends later', ann, longer, longer],
      ['one that never ends', longer, always, always],
      ['none that ends sooner', longer, ann, longer],
      ['none where one never ends', always, longer, always],
      ['none that lasts as long', always, { ...always, reason: 'manual' as const }, always],
    ])('give way to %s', async (_, first, second, kept) => {
      const { suppressions } = await open(new FakeClock(START));
      await suppressions.suppress('shop', [first]);
      await suppressions.suppress('shop', [second]);
      expect(await suppressions.find('shop', 'ann@dest.test')).toEqual(kept);
    });

    test('that have expired give way to any, and replacing asks nobody', async () => {
      const clock = new FakeClock(START);
      const { suppressions } = await open(clock);
      await suppressions.suppress('shop', [longer]);
      clock.advance(minutes(9));
      const again = aSuppression('ann@dest.test', { expiresAt: START + minutes(9) + 1 });
      await suppressions.suppress('shop', [again]);
      expect(await suppressions.find('shop', 'ann@dest.test')).toEqual(again);
      await suppressions.replace('shop', always);
      await suppressions.replace('shop', again);
      expect(await suppressions.find('shop', 'ann@dest.test')).toEqual(again);
    });

    test('are listed page by page, each once, and long lists are written whole', async () => {
      const { suppressions } = await open(new FakeClock(START));
      const subjects = Array.from({ length: 1203 }, (_, at) => `u${at}@dest.test`);
      await suppressions.suppress(
        'shop',
        subjects.map((it) => aSuppression(it)),
      );
      const seen: string[] = [];
      for (let page = await suppressions.list('shop', { limit: 500 }); page.length > 0;) {
        seen.push(...page.map((it) => it.subject));
        page = await suppressions.list('shop', { after: seen.at(-1) ?? '', limit: 500 });
      }
      expect(seen.toSorted()).toEqual(subjects.toSorted());
    });
  });
}
