import { expect, test } from 'vitest';
import {
  includes,
  isOver,
  isWithin,
  type Matter,
  matterLine,
  meets,
  type Suspension,
  suspensionLine,
} from './suspension.ts';

const MAIL = { tenant: 'shop', pool: 'shop/main', domain: 'dest.test', site: 'mx.dest.test' };

test.each<[Matter, boolean]>([
  [{}, true],
  [{ tenant: 'shop' }, true],
  [{ tenant: 'shop', domain: 'dest.test' }, true],
  [{ site: 'mx.dest.test', pool: 'shop/main' }, true],
  [{ tenant: 'other' }, false],
  [{ tenant: 'shop', domain: 'sub.dest.test' }, false],
])('a matter of %j includes mail only if all that it names fits: %s', (matter, fits) => {
  expect(includes(matter, MAIL)).toBe(fits);
});

test.each<[Matter, Matter, boolean]>([
  [{ tenant: 'shop', domain: 'dest.test' }, { tenant: 'shop' }, true],
  [{ tenant: 'shop' }, { tenant: 'shop' }, true],
  [{ tenant: 'shop' }, {}, true],
  [{}, { tenant: 'shop' }, false],
  [{ domain: 'dest.test' }, { tenant: 'shop' }, false],
])('%j is within %j: %s', (matter, other, within) => {
  expect(isWithin(matter, other)).toBe(within);
});

test('two matters meet where some mail may be of both', () => {
  expect(meets({ tenant: 'shop' }, { domain: 'dest.test' })).toBe(true);
  expect(meets({ tenant: 'shop', domain: 'dest.test' }, { tenant: 'shop' })).toBe(true);
  expect(meets({ tenant: 'shop' }, { tenant: 'other' })).toBe(false);
});

test('a suspension says who holds the mail, until when and why', () => {
  const order: Suspension = { id: 'x', about: {}, why: 'blocklisted', by: 'ann', at: 0 };
  expect(suspensionLine(order)).toBe('suspended by ann until resumed: blocklisted');
  const ending = { ...order, until: Date.UTC(2026, 0, 1) };
  expect(suspensionLine(ending)).toBe('suspended by ann until 2026-01-01T00:00:00.000Z: blocklisted');
  expect([
    isOver(order, Number.MAX_SAFE_INTEGER),
    isOver(ending, ending.until - 1),
    isOver(ending, ending.until),
  ]).toEqual([false, false, true]);
});

test('a matter is told in words', () => {
  expect([matterLine({}), matterLine({ tenant: 'shop', site: 'mx' })]).toEqual(['all mail', 'tenant shop, site mx']);
});
