import { expect, test } from 'vitest';
import { generateKey, loadKey, type SigningKey } from '#lib/dkim/key.ts';
import { verifyDkim } from '#lib/dkim/verify.ts';
import { aMessage } from '../../test/harness/queue.ts';
import { sign } from './sign.ts';

const NOW = Date.UTC(2026, 0, 1);
const pem = await generateKey('Ed25519');
const key = loadKey(pem, 'pf1', 'example.com');
const second = loadKey(await generateKey('Ed25519'), 'pf2', 'example.com');
const records = async (name: string): Promise<string[]> =>
  [key, second].filter((it) => name === `${it.selector}._domainkey.example.com`).map((it) => it.record);

test('a message is signed with every key, and each signature holds', async () => {
  const message = aMessage();
  const signed = await sign(message, [key, second], NOW);
  if (signed.kind !== 'signed') throw new Error(signed.reply.text);
  const verdicts = await verifyDkim(Buffer.concat([signed.signatures, message.raw]), records, NOW);
  expect(verdicts.map((it) => `${it.selector} ${it.domain} ${it.result}`)).toEqual([
    'pf1 example.com pass',
    'pf2 example.com pass',
  ]);
});

test('what is signed ends its lines, so that the message may follow', async () => {
  const signed = await sign(aMessage(), [key], NOW);
  expect(signed.kind === 'signed' && signed.signatures.toString()).toMatch(/^DKIM-Signature: [^]*\r\n$/);
});

test('a header longer than admission takes is still signed: our own fields came on top', async () => {
  const raw = Buffer.from(`${'X-Long: x\r\n'.repeat(20_000)}From: a@example.com\r\n\r\nbody\r\n`);
  expect(await sign(aMessage({ raw }), [key], NOW)).toMatchObject({ kind: 'signed' });
});

test('mail of the system without a domain goes unsigned', async () => {
  const signed = await sign(aMessage({ domain: '' }), [key], NOW);
  expect(signed).toEqual({ kind: 'signed', signatures: Buffer.alloc(0) });
});

test.each([
  ['without a key', {}, [], 'no DKIM key for example.com'],
  ['with a header that is none', { raw: Buffer.from('nonsense\r\n\r\n') }, [key], 'the header cannot be read'],
  ['of no bytes', { raw: Buffer.alloc(0) }, [key], 'the header cannot be read'],
])('mail of a domain is never sent unsigned: %s it waits', async (_, over, keys, text) => {
  expect(await sign(aMessage(over), keys, NOW)).toEqual({
    kind: 'unsignable',
    reply: { code: 451, enhanced: '4.7.5', text },
  });
});

test('a key that fails makes the message wait, and says nothing of the key', async () => {
  const broken: SigningKey = { ...key, algorithm: 'rsa-sha256' };
  const publicKey = { ...broken, privateKey: {} as SigningKey['privateKey'] };
  const signed = await sign(aMessage(), [publicKey], NOW);
  expect(signed).toEqual({
    kind: 'unsignable',
    reply: { code: 451, enhanced: '4.7.5', text: 'a DKIM key of example.com cannot sign' },
  });
});
