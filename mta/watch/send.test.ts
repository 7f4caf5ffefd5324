import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { type Certificate, selfMadeCertificate } from '#lib/run/certificate.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { defaultLimits } from '../accept/smtp/limits.ts';
import { openReception } from '../accept/reception.ts';
import { SmtpServer } from '../accept/smtp/listener.ts';
import type { Envelope, SmtpPolicy } from '../accept/smtp/submission.ts';
import { type Reply, reply } from '../mail/reply.ts';
import { publishHint, sendCommand, type SendFlags } from './send.ts';

let certificate: Certificate;
beforeAll(async () => {
  certificate = await selfMadeCertificate(['127.0.0.1']);
});

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'postfleet-send-'));
});
afterEach(() => rmSync(data, { recursive: true }));

const FLAGS: SendFlags = { to: ['b@dest.test'], subject: 'hello', text: 'body' };

/** A submission server as the data folder would name it. Answers what it was given. */
let port = 0;

async function serve(answer: Reply = reply(250, '2.0.0', 'queued as 01m')) {
  const taken: { envelope: Envelope; raw: string }[] = [];
  const clock = new FakeClock();
  const policy: SmtpPolicy<string> = {
    trust: () => undefined,
    authenticate: async (_, username, password) =>
      password === 'right' ? { kind: 'identity', identity: username } : { kind: 'wrong' },
    mail: () => undefined,
    sharers: () => ['anybody'],
    rcpt: () => undefined,
    accept: async (_, __, envelope, raw) => {
      taken.push({ envelope, raw: raw.toString() });
      return answer;
    },
  };
  const observer = { opened() {}, closed() {}, turnedAway() {}, replied() {}, failed() {} };
  const limits = () => defaultLimits;
  const reception = openReception(limits);
  const server = new SmtpServer({ hostname: 'mail.example', policy, clock, limits, ...reception, observer });
  const where = { name: 'submission', host: '127.0.0.1', port: 0, implicitTls: false, authRequired: true };
  const secureContext = createSecureContext(certificate);
  const listener = await server.listen({ ...where, secureContext: () => secureContext });
  onTestFinished(async () => {
    const closed = listener.close(0);
    clock.advance(0);
    await closed;
  });
  port = listener.port;
  await leaveHint(port);
  return taken;
}

async function leaveHint(at: number, password = 'right'): Promise<void> {
  const [passwordFile, certificateFile] = [join(data, 'password'), join(data, 'certificate.pem')];
  writeFileSync(passwordFile, `${password}\n`);
  writeFileSync(certificateFile, certificate.cert);
  const where = { host: '127.0.0.1', port: at, username: 'default.app', from: 'hello@example.com' };
  await publishHint(data, { ...where, passwordFile, certificateFile });
}

async function send(flags: Partial<SendFlags> = {}, asJson = false): Promise<string> {
  const printed: string[] = [];
  await sendCommand(data, { ...FLAGS, ...flags }, asJson, (text) => printed.push(text));
  return printed.join('\n');
}

test('a message goes out as the hint says, and how to follow it is told', async () => {
  const taken = await serve();
  expect(await send()).toBe('250 2.0.0 queued as 01m\nfollow it with: npx postfleet trace 01m');
  expect(taken.map((it) => it.envelope)).toMatchObject([{ sender: 'hello@example.com', recipients: ['b@dest.test'] }]);
  expect(taken[0]?.raw).toMatch(/^From: hello@example\.com\r\n[^]*Subject: hello\r\n[^]*\r\n\r\nbody\r\n$/);
});

test('a sender of one’s own, several recipients, and JSON for programs', async () => {
  const taken = await serve();
  const said = await send({ from: 'x@example.com', to: ['b@dest.test', 'c@dest.test'] }, true);
  expect(JSON.parse(said)).toEqual({ id: '01m', response: '250 2.0.0 queued as 01m' });
  expect(taken[0]?.envelope).toMatchObject({ sender: 'x@example.com', recipients: ['b@dest.test', 'c@dest.test'] });
});

test('a refusal is told in the words of the server', async () => {
  await serve(reply(550, '5.7.1', 'SendingDomain example.com is suspended'));
  await expect(send()).rejects.toMatchObject({
    code: 'refused',
    message: expect.stringContaining('550 5.7.1 SendingDomain example.com is suspended'),
  });
});

test('a wrong password is a refusal that does not repeat it', async () => {
  await serve();
  writeFileSync(join(data, 'password'), 'hunter2');
  const refusal = await send().catch(String);
  expect(refusal).toContain('535');
  expect(refusal).not.toContain('hunter2');
});

test('a server that is not there is named', async () => {
  await leaveHint(1);
  await expect(send()).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('127.0.0.1:1 ') });
});

/** As the Secret of a SendingCredential is mounted. */
function mount(): string {
  const folder = join(data, 'credential');
  mkdirSync(folder);
  const all = { host: '127.0.0.1', port: String(port), username: 'mail.app', password: 'right', token: 't', uri: 'u' };
  for (const [name, text] of Object.entries(all)) writeFileSync(join(folder, name), text);
  return folder;
}

test('in Kubernetes a credential that is mounted says where and as whom', async () => {
  const taken = await serve();
  const credential = mount();
  const from = 'x@example.com';
  await send({ credential, from, ca: join(data, 'certificate.pem') });
  await send({ credential, from, anyCertificate: true });
  expect(taken.map(({ envelope }) => envelope.sender)).toEqual([from, from]);
  const other = await selfMadeCertificate(['127.0.0.1']);
  writeFileSync(join(data, 'other.pem'), other.cert);
  await expect(send({ credential, from, ca: join(data, 'other.pem') })).rejects.toMatchObject({ code: 'refused' });
});

test.each([
  ['no sender', { ca: 'x' }, '--from'],
  ['nobody to trust', { from: 'a@b.example' }, '--ca'],
  ['two to trust', { from: 'a@b.example', ca: 'x', anyCertificate: true }, '--ca'],
  ['no such folder', { from: 'a@b.example', anyCertificate: true }, 'must hold host'],
])('a credential with %s is refused with what to say', async (_, flags, says) => {
  await expect(send({ credential: '/nowhere', ...flags })).rejects.toThrow(says);
});

test('a folder that was never used says how to start', async () => {
  await expect(send()).rejects.toMatchObject({ code: 'not-running', message: expect.stringContaining('npm start') });
});

test('the hint holds no secret', async () => {
  await leaveHint(25, 'hunter2');
  expect(readFileSync(join(data, 'submission.json'), 'utf8')).not.toContain('hunter2');
});
