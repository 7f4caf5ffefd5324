import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '#lib/address/address.ts';
import { dayOf, type ReturnPathKey } from '#lib/keyring/return-path-key.ts';
import { hours } from '#lib/run/clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { ALPHABET, newMessageId } from './message.ts';
import { readReturnPath, signReturnPath } from './return-path.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const DAY = hours(24);
const random = seededRandom(1);
const keyOf = (day: number, seed = day): ReturnPathKey => ({
  day,
  secret: createSecretKey(seededRandom(seed).bytes(32)),
});
const KEY = keyOf(dayOf(NOW) - 3);
const AT = { tenant: 'default', host: 'bounce.example.com' };
const MESSAGE = newMessageId(NOW, random);
const signed = signReturnPath(AT, { message: MESSAGE, index: 7 }, KEY, NOW);

test('a return path names a recipient of a message, and is an address that everybody takes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4095 }), fc.integer({ min: 0, max: 10 * 365 }), (index, days) => {
      const message = newMessageId(NOW, random);
      const address = signReturnPath(AT, { message, index }, KEY, NOW + days * DAY);
      const reading = parseAddress(address);
      expect(reading).toMatchObject({ kind: 'address', address: { text: address } });
      expect(address.indexOf('@')).toBe(58);
      expect(readReturnPath(AT, address, [KEY], NOW + days * DAY)).toEqual({ message, index });
    }),
  );
});

test('it is read whatever mail systems make of its case', () => {
  expect(readReturnPath(AT, signed.toUpperCase(), [KEY], NOW)).toEqual({ message: MESSAGE, index: 7 });
});

test.each<[string, number, object | undefined]>([
  ['a day ahead of our clock', -1, { message: MESSAGE, index: 7 }],
  ['two days ahead', -2, undefined],
  ['30 days old', 30, { message: MESSAGE, index: 7 }],
  ['31 days old', 31, undefined],
])('one that is %s', (_, days, expected) => {
  expect(readReturnPath(AT, signed, [KEY], NOW + days * DAY)).toEqual(expected);
});

test('keys rotate: an older one verifies as long as it is there', () => {
  const newer = keyOf(KEY.day + 2);
  expect(readReturnPath(AT, signed, [newer, KEY], NOW)).toEqual({ message: MESSAGE, index: 7 });
  expect(readReturnPath(AT, signed, [newer], NOW)).toBeUndefined();
  expect(readReturnPath(AT, signed, [], NOW)).toBeUndefined();
});

describe('C09 what is not ours gives the same answer:', () => {
  test.each<[string, () => unknown]>([
    ['another tenant', () => readReturnPath({ ...AT, tenant: 'other' }, signed, [KEY], NOW)],
    ['another host of the tenant', () => readReturnPath({ ...AT, host: 'b.example.com' }, signed, [KEY], NOW)],
    ['a key of the same day that is another', () => readReturnPath(AT, signed, [keyOf(KEY.day, 99)], NOW)],
    ['no letters at all', () => readReturnPath(AT, '@bounce.example.com', [KEY], NOW)],
    ['a mailbox', () => readReturnPath(AT, 'postmaster@bounce.example.com', [KEY], NOW)],
    ['letters outside of the alphabet', () => readReturnPath(AT, signed.replace('b-0', 'b-o'), [KEY], NOW)],
  ])('%s', (_, answer) => {
    expect(answer()).toBeUndefined();
  });

  test('every letter of it exchanged for every other', () => {
    const taken: string[] = [];
    for (let at = 0; at < 58; at += 1)
      for (const letter of `${ALPHABET}-ilou.`) {
        if (letter === signed[at]) continue;
        const altered = signed.slice(0, at) + letter + signed.slice(at + 1);
        if (readReturnPath(AT, altered, [KEY], NOW)) taken.push(altered);
      }
    expect(taken).toEqual([]);
  });

  test('20,000 guesses at the seal, in order and by chance', () => {
    const about = signed.slice(0, 38);
    const guess = (letters: (at: number) => number): string =>
      `${about}${Array.from({ length: 20 }, (_, at) => ALPHABET.charAt(letters(at))).join('')}@${AT.host}`;
    let taken = 0;
    for (let count = 0; count < 10_000; count += 1) {
      const guesses = [guess((at) => (count >> (5 * (19 - at))) & 31), guess(() => random.fraction() * 32)];
      taken += guesses.filter((it) => readReturnPath(AT, it, [KEY], NOW)).length;
    }
    expect(taken).toBe(0);
  });

  test('anything at all', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        expect(readReturnPath(AT, text, [KEY], NOW)).toBeUndefined();
      }),
    );
  });
});
