import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuthStep, continueAuth, startAuth } from './auth.ts';

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');

/** The lines of a whole exchange; the first is the initial response, if any. */
function exchange(mechanism: string, initial: string | undefined, ...lines: string[]): string {
  let step: AuthStep = startAuth(mechanism, initial);
  for (const line of lines) if (step.kind === 'challenge') step = continueAuth(step.exchange, line);
  if (step.kind === 'credentials') return `${step.username} ${step.password}`;
  return step.kind === 'challenge' ? `334 ${step.challenge}` : `${step.reply.code} ${step.reply.enhanced}`;
}

describe('AUTH PLAIN', () => {
  it.each<[string, string | undefined, string[], string]>([
    ['takes an initial response', base64('\0user\0secret'), [], 'user secret'],
    ['asks when there is none', undefined, [], '334 '],
    ['takes the response to its challenge', undefined, [base64('\0user\0secret')], 'user secret'],
    ['takes an authorization identity that is the same', base64('user\0user\0secret'), [], 'user secret'],
    ['takes UTF-8', base64('\0jürgen\0pässwort'), [], 'jürgen pässwort'],
    ['does not act for others', base64('admin\0user\0secret'), [], '535 5.7.8'],
    ['refuses too few fields', base64('user\0secret'), [], '501 5.5.2'],
    ['refuses too many fields', base64('\0user\0secret\0'), [], '501 5.5.2'],
    ['refuses an empty name', base64('\0\0secret'), [], '501 5.5.2'],
    ['refuses an empty password', base64('\0user\0'), [], '501 5.5.2'],
    ['refuses a control character in a name', base64('\0us\r\ner\0secret'), [], '501 5.5.2'],
    ['refuses an empty response', '=', [], '501 5.5.2'],
    ['refuses base64 without padding', base64('\0user\0secre').replaceAll('=', ''), [], '501 5.5.2'],
    ['refuses base64url', base64('\0user\0\u00fb\u00ff?>').replaceAll('+', '-').replaceAll('/', '_'), [], '501 5.5.2'],
    ['refuses base64 with bits left over', 'AHVzZXIAc2VjcmV=', [], '501 5.5.2'],
    ['refuses what is not base64', 'not base64!', [], '501 5.5.2'],
    ['refuses what is not UTF-8', base64(Buffer.from('\0\xff\0secret', 'latin1')), [], '501 5.5.2'],
    ['can be cancelled', undefined, ['*'], '501 5.7.0'],
  ])('%s', (_, initial, lines, expected) => {
    expect(exchange('PLAIN', initial, ...lines)).toBe(expected);
  });
});

describe('AUTH LOGIN', () => {
  it.each<[string, string | undefined, string[], string]>([
    ['asks for the name', undefined, [], '334 VXNlcm5hbWU6'],
    ['asks for the password', undefined, [base64('user')], '334 UGFzc3dvcmQ6'],
    ['takes both', undefined, [base64('user'), base64('secret')], 'user secret'],
    ['takes the name at once', base64('user'), [base64('secret')], 'user secret'],
    ['refuses an empty name', undefined, [''], '501 5.5.2'],
    ['refuses a NUL in the password', undefined, [base64('user'), base64('a\0b')], '501 5.5.2'],
    ['can be cancelled at the password', undefined, [base64('user'), '*'], '501 5.7.0'],
  ])('%s', (_, initial, lines, expected) => {
    expect(exchange('LOGIN', initial, ...lines)).toBe(expected);
  });
});

it('no other mechanism is known', () => {
  expect(exchange('CRAM-MD5', undefined)).toBe('504 5.5.4');
  expect(exchange('__proto__', undefined)).toBe('504 5.5.4');
});

it('any name and password go through PLAIN and LOGIN unchanged', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text));
  const password = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(name, password, (username, secret) => {
      expect(exchange('PLAIN', base64(`\0${username}\0${secret}`))).toBe(`${username} ${secret}`);
      expect(exchange('LOGIN', undefined, base64(username), base64(secret))).toBe(`${username} ${secret}`);
    }),
  );
});

it('no response makes it throw', () => {
  fc.assert(
    fc.property(fc.string(), fc.uint8Array(), (text, bytes) => {
      for (const line of [text, base64(Buffer.from(bytes))]) expect(exchange('PLAIN', line)).toBeTypeOf('string');
    }),
  );
});
