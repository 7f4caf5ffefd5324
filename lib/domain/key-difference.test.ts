import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { recordText } from '#lib/dkim/record.ts';
import { hasKey, keyDifference } from './key-difference.ts';

const bytes = (seed: number): Buffer => Buffer.from(Array.from({ length: 294 }, (_, at) => (at * seed + 7) % 251));
// What every RSA-2048 key begins with.
const HEAD = Buffer.from('30820122300d06092a864886f70d01010105000382010f003082010a0282010100', 'hex');
const rsa = (seed: number): string => recordText('rsa', Buffer.concat([HEAD, bytes(seed).subarray(HEAD.length)]));

const RECORD = rsa(3);
const KEY = { selector: 'pf20260101r', record: RECORD };
const OTHER = { selector: 'pf20250101r', record: rsa(5) };
const P = RECORD.slice(RECORD.indexOf('p=') + 2);
const ED25519 = recordText('ed25519', Buffer.alloc(32, 9));

const said = (...texts: string[]): string => keyDifference(KEY, texts, [OTHER]).difference;

describe('a key that is published', () => {
  test.each([
    ['as it is', RECORD],
    ['with other white space', RECORD.replaceAll('; ', ';').replace(P, `${P.slice(0, 200)} ${P.slice(200)}`)],
    ['with further tags', `${RECORD}; n=hello; s=email`],
    ['with a final semicolon', `${RECORD};`],
    ['without v= and k=', `p=${P}`],
  ])('is present: %s', (_, text) => {
    expect(keyDifference(KEY, [text])).toEqual({ state: 'Present', difference: '' });
  });

  test('is present while it is tested, which is told', () => {
    expect(keyDifference(KEY, [`${RECORD}; t=y`])).toMatchObject({
      state: 'Present',
      difference: expect.stringMatching(/^t=y asks receivers/),
    });
  });

  test('proves the domain also when something stands beside it', () => {
    const texts = [OTHER.record, RECORD];
    expect(hasKey(KEY, texts)).toBe(true);
    expect(keyDifference(KEY, texts)).toMatchObject({ state: 'Differs' });
  });
});

test('a key that is not there is missing', () => {
  expect(keyDifference(KEY, [])).toEqual({ state: 'Missing', difference: '' });
});

describe('a mistake is named:', () => {
  test.each([
    ['quotes', [`"${RECORD}"`], 'quotes are published as part of the value'],
    ['quotes around pieces', [`"${RECORD.slice(0, 255)}" "${RECORD.slice(255)}"`], 'quotes are published as part'],
    ['backslashes', [RECORD.replaceAll(';', '\\;')], 'backslashes are published as part of the value'],
    ['quotes and backslashes', [`"${RECORD.replaceAll(';', '\\;')}"`], 'backslashes are published'],
    ['parentheses', [`( ${RECORD} )`], 'parentheses are published as part of the value'],
    ['a type before the value', [`TXT ${RECORD}`], 'something stands before v=DKIM1'],
    ['two records', [RECORD, OTHER.record], '2 TXT records at this name: remove all but the expected one'],
    ['a split record', [RECORD.slice(0, 255), RECORD.slice(255)], 'the record is split into 2: publish one TXT record'],
    ['a split record in another order', [RECORD.slice(255), RECORD.slice(0, 255)], 'the record is split into 2'],
    ['an older key', [OTHER.record], 'the key published belongs to selector pf20250101r'],
    ['an unknown key', [rsa(11)], /^p= differs at character 4\d: it is another key, perhaps an older one$/],
    [
      'a letter',
      [RECORD.replace(P, `${P.slice(0, 99)}*${P.slice(100)}`)],
      'it is no key record: it has no key in base64',
    ],
    [
      'a wrong letter',
      [RECORD.replace(P, `${P.slice(0, 99)}${P[99] === 'A' ? 'B' : 'A'}${P.slice(100)}`)],
      'p= differs at character 100',
    ],
    ['a cut', [RECORD.slice(0, 255)], /^p= is cut off after 2\d\d of 392 characters$/],
    ['lost case', [RECORD.toLowerCase().replace('dkim1', 'DKIM1')], 'p= has lost the case of its letters'],
    ['a revoked key', ['v=DKIM1; k=rsa; p='], 'p= is empty, which revokes the key'],
    ['another type', [ED25519], 'k=ed25519 is published instead of k=rsa'],
    ['another record', ['v=spf1 -all'], 'it is no key record: it does not begin with v=DKIM1'],
    ['several others', ['v=spf1 -all', 'hello'], '2 TXT records at this name; the first: it is no key record'],
  ] as const)('%s', (_, texts, words) => {
    const difference = said(...texts);
    expect(difference).toMatch(words);
    expect(keyDifference(KEY, texts).state).toBe('Differs');
  });
});

test('whatever a zone says, the answer is a finding, and soon', () => {
  const recordLike = fc.string({
    unit: fc.constantFrom('v', '=', 'DKIM1', ';', ' ', 'p', 'k', 'A', '"', '\\', '(', '\n'),
  });
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), recordLike, fc.constant(RECORD)), { maxLength: 6 }), (texts) => {
      const { state, difference } = keyDifference(KEY, texts, [OTHER]);
      expect(state === 'Missing').toBe(texts.length === 0);
      expect(state === 'Differs').toBe(difference !== '' && state !== 'Present');
    }),
  );
});

test.each([' ', '"', '" ', '(', ';', 'v=DKIM1', '\\'])('a record of 60,000 times %j is read in no time', (unit) => {
  const times = [1, 2, 3].map(() => {
    const started = performance.now();
    keyDifference(KEY, [unit.repeat(60_000)]);
    return performance.now() - started;
  });
  expect(Math.min(...times)).toBeLessThan(500);
});
