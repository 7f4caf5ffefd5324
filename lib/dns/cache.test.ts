import { describe, expect, test } from 'vitest';
import { hours, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { cached } from './cache.ts';
import type { Lookup } from './lookup.ts';

const found = (ttl: number, data = '1.1.1.1', bytes = 100): Lookup => ({
  kind: 'found',
  records: [{ name: 'a.test', type: 'A', ttl, data, preference: 0 }],
  ttl,
  isAuthenticated: false,
  bytes,
});

const none = (ttl: number): Lookup => ({ kind: 'none', ttl, isAuthenticated: false });

/** A cache over what `say` answers, and how often that was asked. */
function cacheOver(say: (name: string) => Lookup | Promise<Lookup>, capacity?: number) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const lookUp = cached(
    async ({ name }) => {
      asked.push(name);
      return say(name);
    },
    clock,
    capacity,
  );
  return { clock, asked, ask: (name = 'a.test') => lookUp({ name, type: 'A' }) };
}

describe('a cache', () => {
  test.each<[string, Lookup, number]>([
    ['an answer for its TTL', found(seconds(60)), seconds(60)],
    ['an answer for a day at most', found(hours(100)), hours(24)],
    ['"there is none" for its TTL', none(seconds(60)), seconds(60)],
    ['"there is none" for an hour at most', none(hours(100)), hours(1)],
    ['a failure for two seconds', { kind: 'temporary', reason: 'SERVFAIL' }, seconds(2)],
  ])('keeps %s', async (_, said, ttl) => {
    const { clock, asked, ask } = cacheOver(() => said);
    expect(await ask()).toEqual(said);
    clock.advance(ttl - 1);
    expect(await ask()).toEqual(said);
    expect(asked).toHaveLength(1);
    clock.advance(1);
    await ask();
    expect(asked).toHaveLength(2);
  });

  test('C04: keeps nothing with a TTL of 0', async () => {
    const { asked, ask } = cacheOver(() => found(0));
    await ask();
    await ask();
    expect(asked).toHaveLength(2);
  });

  test('goes by the clock that never goes back', async () => {
    const { clock, asked, ask } = cacheOver(() => found(seconds(60)));
    await ask();
    clock.setWall(0);
    clock.advance(seconds(60));
    await ask();
    expect(asked).toHaveLength(2);
  });

  test('keeps types apart', async () => {
    const lookUp = cached(async ({ type }) => found(60, type), new FakeClock());
    expect(await lookUp({ name: 'a.test', type: 'A' })).toEqual(found(60, 'A'));
    expect(await lookUp({ name: 'a.test', type: 'MX' })).toEqual(found(60, 'MX'));
  });

  test('asks once for all who ask meanwhile, even for what is not kept', async () => {
    const { promise, resolve } = Promise.withResolvers<Lookup>();
    const { asked, ask } = cacheOver(() => promise);
    const waiting = [ask(), ask(), ask('b.test'), ask()];
    resolve(found(0));
    expect(await Promise.all(waiting)).toEqual(Array.from(waiting, () => found(0)));
    expect(asked).toEqual(['a.test', 'b.test']);
    await ask();
    expect(asked).toHaveLength(3);
  });

  test('does not stay with a question that failed by a bug', async () => {
    const { asked, ask } = cacheOver(() => {
      throw new Error('bug');
    });
    await expect(ask()).rejects.toThrow('bug');
    await expect(ask()).rejects.toThrow('bug');
    expect(asked).toHaveLength(2);
  });

  test('C02: takes no more than its capacity; what was not used longest goes first', async () => {
    const { asked, ask } = cacheOver(() => found(seconds(60), '1.1.1.1', 400), 6000);
    for (const name of ['a', 'b', 'c']) await ask(name);
    await ask('a');
    await ask('d');
    asked.length = 0;
    for (const name of ['d', 'a', 'c', 'b']) await ask(name);
    expect(asked).toEqual(['b']);
  });

  test('C02: does not keep what is larger than all of it', async () => {
    const { asked, ask } = cacheOver((name) => found(seconds(60), '1.1.1.1', name === 'bomb' ? 65_535 : 400), 6000);
    await ask('a');
    await ask('bomb');
    await ask('bomb');
    await ask('a');
    expect(asked).toEqual(['a', 'bomb', 'bomb']);
  });
});
