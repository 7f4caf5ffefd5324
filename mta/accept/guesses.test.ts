import { expect, test } from 'vitest';
import { minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Guesses } from './guesses.ts';

function open() {
  const clock = new FakeClock();
  const guesses = new Guesses(clock, () => 3);
  const guess = (count: number, username = 'shop.app', address = '192.0.2.1'): void => {
    for (let at = 0; at < count; at += 1) guesses.wrong(username, address);
  };
  const isLocked = (username = 'shop.app', address = '192.0.2.1'): boolean =>
    guesses.lockedFor(username, address) !== undefined;
  return { clock, guesses, guess, isLocked };
}

test('A17 an account is locked for the network that guesses, and for nobody else', () => {
  const { guess, isLocked } = open();
  guess(2);
  expect(isLocked()).toBe(false);
  guess(1);
  expect(isLocked()).toBe(true);
  expect(isLocked('shop.app', '192.0.2.2')).toBe(false);
  expect(isLocked('shop.other')).toBe(false);
});

test('A17 however many networks guess, the owner comes in from elsewhere', () => {
  const { guess, isLocked } = open();
  for (let network = 0; network < 1000; network += 1) guess(3, 'shop.app', `198.18.${network >> 8}.${network & 255}`);
  expect(isLocked('shop.app', '192.0.2.1')).toBe(false);
});

test('A17 an IPv6 network of 64 bits is one guesser', () => {
  const { guess, isLocked } = open();
  for (const last of ['1', '2', 'ffff:1']) guess(1, 'shop.app', `2001:db8:1:2::${last}`);
  expect(isLocked('shop.app', '2001:db8:1:2:9:9:9:9')).toBe(true);
  expect(isLocked('shop.app', '2001:db8:1:3::1')).toBe(false);
});

test('A17 guessing many accounts locks the network for all of them', () => {
  const { guess, isLocked } = open();
  for (let account = 0; account < 15; account += 1) guess(1, `shop.a${account}`);
  expect(isLocked('shop.untried')).toBe(true);
  expect(isLocked('shop.untried', '192.0.2.2')).toBe(false);
});

test('a lock ends by itself, after the last wrong secret', () => {
  const { clock, guess, guesses, isLocked } = open();
  guess(3);
  clock.advance(minutes(5));
  expect(guesses.lockedFor('shop.app', '192.0.2.1')).toBe(minutes(10));
  clock.advance(minutes(10));
  expect(isLocked()).toBe(false);
  guess(1);
  expect(isLocked()).toBe(false);
});

test('who mistypes and then gets it right begins anew', () => {
  const { guess, guesses, isLocked } = open();
  guess(2);
  guesses.right('shop.app', '192.0.2.1');
  guess(2);
  expect(isLocked()).toBe(false);
});

test('names of any number and length take bounded memory, and old ones go first', () => {
  const { guess, isLocked } = open();
  guess(3, 'x'.repeat(10_000));
  expect(isLocked('x'.repeat(10_000))).toBe(true);
  for (let name = 0; name < 50_000; name += 1) guess(1, `n${name}`, `2001:db8:${name.toString(16)}::1`);
  expect(isLocked('x'.repeat(10_000), '192.0.2.1')).toBe(false);
});
