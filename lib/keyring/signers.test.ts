import { expect, test } from 'vitest';
import type { SigningKey } from '#lib/dkim/key.ts';
import { type KeyFile, NO_SIGNERS, signersAfter } from './signers.ts';

const key = (selector: string, domain = 'example.com'): SigningKey =>
  ({ selector, domain, algorithm: 'ed25519-sha256', record: '' }) as SigningKey;

/** `mail/a` is a key, `mail/a!` is word that it retires; all of one domain. */
const files = (...names: string[]): ReadonlyMap<string, KeyFile> =>
  new Map(
    names.map((name) => {
      const [namespace = '', selector = ''] = name.replace('!', '').split('/');
      const isRetired = name.endsWith('!');
      const file = `${namespace}/${selector}._domainkey.example.com.${isRetired ? 'retired' : 'pem'}`;
      return [file, isRetired ? 'retired' : key(selector)];
    }),
  );

/** Selectors that sign as `mail` after so many readings. */
const signing = (...readings: string[][]): string[] => {
  let signers = NO_SIGNERS;
  for (const names of readings) signers = signersAfter(signers, files(...names));
  return (signers.byClaim.get('mail example.com') ?? []).map(({ selector }) => selector);
};

test.each<[sentence: string, readings: string[][], signs: string[]]>([
  ['what is there signs', [['mail/a', 'mail/b']], ['a', 'b']],
  ['what is there no more does not', [['mail/a'], ['mail/b']], ['b']],
  ['a key that retires does not, though it is there', [['mail/a', 'mail/b', 'mail/a!']], ['b']],
  [
    'nor when it is put back later',
    [
      ['mail/b', 'mail/a!'],
      ['mail/a', 'mail/b'],
    ],
    ['b'],
  ],
  ['nor when word of it is gone', [['mail/b', 'mail/a!'], ['mail/b'], ['mail/a', 'mail/b']], ['b']],
  [
    'an older keyring in place of a newer one takes the newer key away from nobody',
    [['mail/b', 'mail/a!'], ['mail/a']],
    ['b'],
  ],
  ['a claim of which nothing is left signs with nothing', [['mail/a'], []], []],
  ['nor does one whose keys all retire', [['mail/a'], ['mail/a!']], []],
  ["another namespace's key of that name is another key", [['shop/a!'], ['mail/a']], ['a']],
])('%s', (_, readings, signs) => {
  expect(signing(...readings)).toEqual(signs);
});

test('a domain has the keys of all who claim it', () => {
  const { byDomain } = signersAfter(NO_SIGNERS, files('mail/a', 'shop/b'));
  expect(byDomain.get('example.com')?.map(({ selector }) => selector)).toEqual(['a', 'b']);
});
