import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runs } from '../../test/harness/runs.ts';
import { readCredentials } from './credentials.ts';

const SEED = `SU${'A2'.repeat(28)}`;
const FILE = [
  '-----BEGIN NATS USER JWT-----',
  'eyJ0eXAi.eyJqdGki.Zm9v-_',
  '------END NATS USER JWT------',
  '',
  '************************* IMPORTANT *************************',
  'NKEY Seed printed below can be used to sign and prove identity.',
  '',
  '-----BEGIN USER NKEY SEED-----',
  SEED,
  '------END USER NKEY SEED------',
  '',
  '*************************************************************',
].join('\n');

test.each([
  ['a file, as nsc makes it', FILE, { kind: 'jwt', jwt: 'eyJ0eXAi.eyJqdGki.Zm9v-_', seed: SEED }],
  [
    'the same with line ends of Windows',
    FILE.replaceAll('\n', '\r\n'),
    { kind: 'jwt', jwt: 'eyJ0eXAi.eyJqdGki.Zm9v-_', seed: SEED },
  ],
  ['the seed of an nkey', `${SEED}\n`, { kind: 'nkey', seed: SEED }],
  ['a name and a password', 'mta:a:b c\n', { kind: 'password', user: 'mta', password: 'a:b c' }],
  ['the seed of an account is none of a user', SEED.replace('SU', 'SA'), undefined],
  ['a file without its seed', FILE.replace(SEED, ''), undefined],
  ['a file without its token', FILE.replace(/^eyJ.*$/m, ''), undefined],
  ['nothing', '', undefined],
  ['a password without a name', ':b', undefined],
  ['a certificate', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----', undefined],
  ['more than anybody has', 'a:'.padEnd(70_000, 'b'), undefined],
])('%s', (_, text, credentials) => {
  expect(readCredentials(text)).toEqual(credentials);
});

test('whatever the text is, what is read of it is a part of it', () => {
  const line = fc.oneof(fc.string(), fc.constantFrom(...FILE.split('\n')));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      const text = lines.join('\n');
      const { kind: _, ...parts } = readCredentials(text) ?? { kind: 'none' };
      for (const it of Object.values(parts)) expect(text).toContain(it);
    }),
    { numRuns: runs(200) },
  );
});
