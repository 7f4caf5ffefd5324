import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { generateKey, loadKey, type SigningKey } from '#lib/dkim/key.ts';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { aMessage } from '../../test/harness/queue.ts';
import { SmtpClient } from '../../test/harness/smtp-client.ts';
import { startReceiver } from './receiver.ts';
import { sign } from '../send/sign.ts';

let secureContext: SecureContext;
let key: SigningKey;
beforeAll(async () => {
  secureContext = createSecureContext(await selfMadeCertificate(['localhost']));
  key = loadKey(await generateKey('Ed25519'), 'pf1', 'example.com');
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postfleet-received-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const clock = new FakeClock();

async function open() {
  const shown: string[] = [];
  const listener = await startReceiver({
    address: { host: '127.0.0.1', port: 0 },
    hostname: 'receiver.test',
    folder,
    keyring: () => ({
      signingKeys: (domain) => (domain === 'example.com' ? [key] : []),
      returnPathKeys: () => [],
      credential: () => undefined,
    }),
    clock,
    random: seededRandom(1),
    secureContext: () => secureContext,
    show: (line) => shown.push(line),
  });
  onTestFinished(async () => {
    const closed = listener.close(0);
    clock.advance(0);
    await closed;
  });
  const client = await SmtpClient.open(listener.port);
  onTestFinished(() => client.close());
  const send = (content: string | Buffer, recipient = 'b@inbox.test'): Promise<string> =>
    client.send('a@example.com', [recipient], content);
  return { shown, client, send };
}

const kept = (): string[] => readdirSync(folder).toSorted();
const PLAIN = 'From: a@example.com\r\nSubject: hello\r\n\r\nbody\r\n';

describe('the receiver', () => {
  test('keeps what it takes, byte for byte, and shows a line of it', async () => {
    const { shown, send } = await open();
    const said = await send(PLAIN);
    const [file = ''] = kept();
    expect(said).toBe(`250 2.0.0 received as ${file.replace('.eml', '')}`);
    expect(readFileSync(join(folder, file), 'latin1')).toBe(PLAIN);
    expect(shown).toEqual([`received  <a@example.com> → b@inbox.test  "hello"  dkim: none  ${join(folder, file)}`]);
  });

  test.each(['b@inbox.test', 'b@a.b.test', 'b@INBOX.TEST'])('takes mail for %s', async (recipient) => {
    const { send } = await open();
    expect(await send(PLAIN, recipient)).toMatch(/^250 /);
  });

  test.each(['b@dest.example', 'b@test', 'b@inbox.test.example', 'b@xtest', 'b@[127.0.0.1]'])(
    'takes no mail for %s',
    async (recipient) => {
      const { shown, send } = await open();
      expect(await send(PLAIN, recipient)).toMatch(/^5\d\d /);
      expect([kept(), shown]).toEqual([[], []]);
    },
  );

  test('needs no password, and takes the null sender', async () => {
    const { client, shown } = await open();
    expect(await client.send('', ['b@inbox.test'], PLAIN)).toMatch(/^250 /);
    expect(shown[0]).toContain('<> → b@inbox.test');
  });
});

describe('signatures', () => {
  const message = aMessage();

  test('are held against the keys of the keyring', async () => {
    const { shown, send } = await open();
    const signed = await sign(message, [key], clock.now());
    if (signed.kind !== 'signed') throw new Error('not signed');
    await send(Buffer.concat([signed.signatures, message.raw]));
    await send(Buffer.concat([signed.signatures, Buffer.from('Subject: forged\r\n'), message.raw]));
    expect(shown.map((it) => /dkim: (.*?)  /.exec(it)?.[1])).toEqual([
      'pass (ed25519-sha256 pf1 example.com)',
      'fail (ed25519-sha256 pf1 example.com)',
    ]);
  });

  test('of a domain nobody has keys for do not pass', async () => {
    const { shown, send } = await open();
    const foreign = { ...key, domain: 'bank.example' };
    const signed = await sign(message, [foreign], clock.now());
    if (signed.kind !== 'signed') throw new Error('not signed');
    expect(await send(Buffer.concat([signed.signatures, message.raw]))).toMatch(/^250 /);
    expect(shown[0]).toContain('bank.example');
    expect(shown[0]).not.toContain('pass');
  });
});

describe('the line shown', () => {
  test.each([
    ['in the subject', 'Subject: \u001b[2Jx\u0007\u202e\u0085y\r\nFrom: a@example.com\r\n'],
    ['in an encoded subject', 'Subject: =?utf-8?q?=1b[2J=0a?=\r\nFrom: a@example.com\r\n'],
    ['in a line separator', 'Subject: x\u2028y\r\nFrom: a@example.com\r\n'],
    [
      'in a signature',
      'DKIM-Signature: v=1; a=\u001b[2J; s=\u001b[31m; d=\u0007; b=x; bh=y; h=from\r\nFrom: a@b.test\r\n',
    ],
    ['in a header that is none', '\u001b[2J\r\n'],
  ])('has no control character that came %s', async (_, header) => {
    const { shown, send } = await open();
    expect(await send(Buffer.from(`${header}\r\nbody\r\n`))).toMatch(/^250 /);
    expect(shown).toHaveLength(1);
    expect(shown[0]).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  });

  test('cuts a long subject', async () => {
    const { shown, send } = await open();
    await send(`Subject: ${'x'.repeat(500)}\r\nFrom: a@example.com\r\n\r\n`);
    expect(/"(x*)"/.exec(shown[0] ?? '')?.[1]).toHaveLength(80);
  });
});

test('the newest thousand messages are kept, and no more', async () => {
  const older = Array.from({ length: 1001 }, (_, at) => `00000000000000000000000${String(at).padStart(4, '0')}.eml`);
  for (const name of older) writeFileSync(join(folder, name), '');
  const { send } = await open();
  await send(PLAIN);
  const names = kept();
  expect(names).toHaveLength(1000);
  expect(names.slice(0, 999)).toEqual(older.slice(2));
});
