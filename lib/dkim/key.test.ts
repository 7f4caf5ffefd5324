import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type KeyKind, generateKey, kindOf, loadKey, pemOf } from './key.ts';
import { parseRecord } from './record.ts';

const KINDS: readonly [KeyKind, string, string][] = [
  ['RSA2048', 'rsa-sha256', 'rsa'],
  ['RSA4096', 'rsa-sha256', 'rsa'],
  ['Ed25519', 'ed25519-sha256', 'ed25519'],
];

describe.each(KINDS)('a key of kind %s', (kind, algorithm, keyType) => {
  it('is made as PKCS #8, and its record verifies what it signs', async () => {
    const pem = await generateKey(kind);
    expect(pem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    const key = loadKey(pem, 'pf20260101x', 'example.com');
    expect(key).toMatchObject({ selector: 'pf20260101x', domain: 'example.com', algorithm });
    expect([kindOf(key.privateKey), pemOf(key.privateKey)]).toEqual([kind, pem]);

    const parsed = parseRecord(key.record);
    if (parsed.kind === 'invalid') throw new Error(parsed.problem);
    expect(parsed.record.keyType).toBe(keyType);
    const data = Buffer.from('signed');
    const hash = kind === 'Ed25519' ? null : 'sha256';
    expect(verify(hash, data, publicKeyOf(parsed.record), sign(hash, data, key.privateKey))).toBe(true);
  });
});

/** What a receiver makes of `p=`: RFC 8463 leaves out the first bytes of an Ed25519 key's SubjectPublicKeyInfo. */
function publicKeyOf({ keyType, publicKey }: { keyType: string; publicKey: Buffer }) {
  const prefix = keyType === 'rsa' ? Buffer.alloc(0) : Buffer.from('302a300506032b6570032100', 'hex');
  return createPublicKey({ key: Buffer.concat([prefix, publicKey]), format: 'der', type: 'spki' });
}

describe('a private key that is brought along', () => {
  it('may be PKCS #1, and is stored as PKCS #8', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = loadKey(privateKey.export({ type: 'pkcs1', format: 'pem' }), 's', 'example.com');
    expect(pemOf(key.privateKey)).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  });

  it('may be of a size that is not made here', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    expect(kindOf(loadKey(pemOf(privateKey), 's', 'example.com').privateKey)).toBeUndefined();
  });

  it.each([
    ['no key', () => 'hunter2'],
    ['nothing', () => ''],
    ['a public key', () => generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' })],
    ['a key of another algorithm', () => pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)],
    ['a key that is too short', () => pemOf(generateKeyPairSync('rsa', { modulusLength: 768 }).privateKey)],
    [
      'a key with a passphrase',
      () =>
        generateKeyPairSync('ed25519').privateKey.export({
          type: 'pkcs8',
          format: 'pem',
          cipher: 'aes-256-cbc',
          passphrase: 'x',
        }),
    ],
  ])('is a fault that does not repeat it: %s', (_, pem) => {
    const load = (): unknown => loadKey(pem(), 's', 'example.com');
    expect(load).toThrow(expect.objectContaining({ code: 'dkim-key-invalid' }));
    expect(load).not.toThrow(/hunter2/);
  });
});
