import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCredential, parseCredential } from './credential.ts';
import type { CredentialRecord } from './keyring.ts';

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((found) => Buffer.from(found).toString('base64'));
const sha256 = fc.record({ kind: fc.constant('sha256' as const), hash: bytes(32) });
const scrypt = fc.record({
  kind: fc.constant('scrypt' as const),
  cost: fc.integer({ min: 1, max: 17 }).map((power) => 2 ** power),
  blockSize: fc.integer({ min: 1, max: 8 }),
  parallel: fc.integer({ min: 1, max: 16 }),
  salt: bytes(16),
  hash: bytes(32),
});
const records: fc.Arbitrary<CredentialRecord> = fc.record({
  v: fc.constant(1 as const),
  username: fc.string({ minLength: 1 }),
  secret: fc.oneof(sha256, scrypt),
});

const HASH = Buffer.alloc(32).toString('base64');
const SALT = Buffer.alloc(16).toString('base64');
const proof = (fields: object): object => ({
  v: 1,
  username: 'default.app',
  secret: { kind: 'scrypt', cost: 16_384, blockSize: 8, parallel: 5, salt: SALT, hash: HASH, ...fields },
});

describe('a credential record', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(records, (record) => {
        expect(parseCredential(formatCredential(record))).toEqual(record);
      }),
    );
  });

  it('never makes reading throw, whatever its text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseCredential(text)).toBeUndefined();
      }),
    );
  });

  it.each<[string, unknown]>([
    ['a later version', { ...proof({}), v: 2 }],
    ['no username', { ...proof({}), username: '' }],
    ['no proof', { v: 1, username: 'default.app' }],
    ['an unknown proof', proof({ kind: 'md5' })],
    ['an empty hash', proof({ hash: '' })],
    ['a short hash', proof({ hash: SALT })],
    ['a hash in another spelling', proof({ hash: `${HASH}\n` })],
    ['a cost that is no power of two', proof({ cost: 16_383 })],
    ['a cost nobody can wait for', proof({ cost: 2 ** 30 })],
    ['a cost of nothing', proof({ parallel: 0 })],
  ])('proves nobody with %s', (_, record) => {
    expect(parseCredential(JSON.stringify(record))).toBeUndefined();
    expect(parseCredential(JSON.stringify(proof({})))).toBeDefined();
  });
});
