import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRecord, recordName, recordText, txtStrings } from './record.ts';

const ED25519 = '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=';

describe('a key record', () => {
  it('is published under the selector', () => {
    expect(recordName('pf20260101r', 'example.com')).toBe('pf20260101r._domainkey.example.com');
  });

  it('is written as RFC 8463 §4 writes it', () => {
    const text = recordText('ed25519', Buffer.from(ED25519, 'base64'));
    expect(text).toBe(`v=DKIM1; k=ed25519; p=${ED25519}`);
  });

  it.each([
    ['RFC 6376 §3.6.1: only p is needed, k is rsa', 'p=AAAA', { keyType: 'rsa', isTesting: false, isStrict: false }],
    ['a final semicolon', 'v=DKIM1; p=AAAA;', { keyType: 'rsa' }],
    ['white space inside the key', 'v=DKIM1;p = AA\r\n\t AA ', { publicKey: Buffer.from([0, 0, 0]) }],
    ['flags, known and unknown', 'p=AAAA; t=y : s:x', { isTesting: true, isStrict: true }],
    ['unknown tags and notes', 'v=DKIM1; n=a=b; zz=1; p=AAAA', { keyType: 'rsa' }],
    ['a revoked key', 'v=DKIM1; p=', { publicKey: Buffer.alloc(0) }],
    ['hashes and services that fit', 'h=sha1:sha256; s=other:email; p=AAAA', { keyType: 'rsa' }],
    ['Ed25519', `v=DKIM1; k=ed25519; p=${ED25519}`, { keyType: 'ed25519' }],
  ])('is read: %s', (_, text, record) => {
    expect(parseRecord(text)).toMatchObject({ kind: 'valid', record });
  });

  it.each([
    ['nothing', '', 'has no key in base64 in p='],
    ['another record', 'v=spf1 -all', 'does not begin with v=DKIM1'],
    ['a version that is not first', 'p=AAAA; v=DKIM1', 'does not begin with v=DKIM1'],
    ['another version', 'v=DKIM2; p=AAAA', 'does not begin with v=DKIM1'],
    ['a tag twice', 'p=AAAA; p=BBBB', 'is not a list of different tags'],
    ['an empty tag in the middle', 'v=DKIM1;; p=AAAA', 'is not a list of different tags'],
    ['no base64', 'p=A*A', 'has no key in base64 in p='],
    ['an unknown key type', 'k=dsa; p=AAAA', 'has a key type other than rsa and ed25519'],
    ['a short Ed25519 key', 'k=ed25519; p=AAAA', 'has an Ed25519 key that is not 32 bytes long'],
    ['only sha1', 'h=sha1; p=AAAA', 'does not allow sha256'],
    ['another service', 's=tlsrpt; p=AAAA', 'is not for mail'],
  ])('is refused: %s', (_, text, problem) => {
    expect(parseRecord(text)).toEqual({ kind: 'invalid', problem });
  });

  it('says the same after it was written, cut for TXT and joined again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
        const strings = txtStrings(recordText('rsa', Buffer.from(bytes)));
        expect(strings.every(({ length }) => length >= 1 && length <= 255)).toBe(true);
        expect(parseRecord(strings.join(''))).toMatchObject({
          kind: 'valid',
          record: { publicKey: Buffer.from(bytes) },
        });
      }),
    );
  });

  it('never makes reading throw, whatever its text', () => {
    const tagLike = fc.string({ unit: fc.constantFrom('v', 'p', 'k', '=', ';', ' ', 'A', ':', '\n') });
    fc.assert(
      fc.property(fc.oneof(fc.string(), tagLike), (text) => {
        expect(['valid', 'invalid']).toContain(parseRecord(text).kind);
      }),
    );
  });
});
