/**
 * Submission as mail programs do it, and all who are turned away: strangers, impostors, relays, smugglers.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';
import { type Ran, shell } from '../harness/shell.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';

const scene = openScene();
let fleet: Postfleet;

beforeAll(async () => {
  fleet = await Postfleet.start(scene, await ConfigFolder.from(scene, 'standalone'));
});

const swaks = (flags: string): Promise<Ran> =>
  shell(scene, `swaks --from hello@example.com --to you@demo.test --server 127.0.0.1 ${flags}`);
const login = (mechanism: string): string =>
  `--auth ${mechanism} --auth-user ${fleet.username} --auth-password ${fleet.password}`;

/** A session that has logged in. */
async function loggedIn(): Promise<SmtpClient> {
  const client = await SmtpClient.open(fleet.ports.submission);
  await client.startTls();
  const secret = Buffer.from(`\0${fleet.username}\0${fleet.password}`).toString('base64');
  expect(await client.say(`AUTH PLAIN ${secret}`)).toMatch(/^235 /);
  return client;
}

describe('a mail program with its password', () => {
  test.each([
    { how: 'STARTTLS and AUTH PLAIN', flags: () => `--port ${fleet.ports.submission} --tls ${login('PLAIN')}` },
    { how: 'STARTTLS and AUTH LOGIN', flags: () => `--port ${fleet.ports.submission} --tls ${login('LOGIN')}` },
    { how: 'TLS from the first byte', flags: () => `--port ${fleet.ports.submissions} --tlsc ${login('PLAIN')}` },
  ])('sends by $how', async ({ flags }) => {
    const { code, stdout } = await swaks(flags());
    const [, id = ''] = /250 2\.0\.0 queued as (\S+)/.exec(stdout) ?? [];
    expect({ code, length: id.length }).toEqual({ code: 0, length: 26 });
    const delivered = await fleet.event('delivered', id);
    expect(delivered).toMatchObject({ recipient: 'you@demo.test', sender: 'hello@example.com', attempt: 1 });
  });

  test('is refused with 535 when the password is wrong', async () => {
    const wrong = `--auth PLAIN --auth-user ${fleet.username} --auth-password wrong`;
    const { code, stdout } = await swaks(`--port ${fleet.ports.submission} --tls ${wrong}`);
    expect(code).not.toBe(0);
    expect(stdout).toMatch(/535 5\.7\.8 /);
  });

  test('A18 is refused with 538 before TLS, and never offered AUTH there', async () => {
    const client = await SmtpClient.connect(fleet.ports.submission);
    expect(await client.say('EHLO client.test')).not.toContain('AUTH');
    expect(await client.say('AUTH PLAIN AGEAYg==')).toMatch(/^538 5\.7\.11 /);
    client.close();
  });
});

describe('somebody without a password', () => {
  test.each(['<a@example.com>', '<>', '<a@elsewhere.test>'])('is refused with 530 at MAIL FROM:%s', async (sender) => {
    const client = await SmtpClient.open(fleet.ports.submission);
    await client.startTls();
    expect(await client.say(`MAIL FROM:${sender}`)).toMatch(/^530 5\.7\.0 /);
    expect(await client.say('RCPT TO:<you@demo.test>')).toMatch(/^5/);
    expect(await client.say('DATA')).toMatch(/^5/);
    client.close();
  });
});

describe('somebody with a password', () => {
  test.each([
    '<a@elsewhere.test>',
    '<a@sub.example.com>',
    '<a@notexample.com>',
    '<a%example.com@elsewhere.test>',
    '<@example.com:a@elsewhere.test>',
    '<"a@example.com"@elsewhere.test>',
    '<a@example.com@elsewhere.test>',
    '<a@[127.0.0.1]>',
    '<a@example.com.>',
  ])('A05 may not use the envelope sender %s', async (sender) => {
    const client = await loggedIn();
    expect(await client.say(`MAIL FROM:${sender}`)).toMatch(/^5[05]\d 5\.\d\.\d /);
    client.close();
  });

  test.each([
    { why: 'a foreign From', header: 'From: <a@elsewhere.test>' },
    { why: 'a foreign From behind a name that looks right', header: 'From: "a@example.com" <a@elsewhere.test>' },
    { why: 'two From fields', header: 'From: <a@example.com>\r\nFrom: <b@elsewhere.test>' },
    { why: 'two authors', header: 'From: <a@example.com>, <b@elsewhere.test>' },
    { why: 'a group', header: 'From: us: <a@example.com>;' },
    { why: 'a foreign Sender', header: 'From: <a@example.com>\r\nSender: <b@elsewhere.test>' },
    { why: 'no From', header: 'To: <you@demo.test>' },
  ])('may not send a message with $why', async ({ header }) => {
    const client = await loggedIn();
    const said = await client.send('a@example.com', ['you@demo.test'], `${header}\r\nSubject: x\r\n\r\nx\r\n`);
    expect(said).toMatch(/^550 5\.[67]\.\d /);
    client.close();
  });

  test.each([
    { what: 'LF . LF', bytes: '\n.\n' },
    { what: 'LF . CR', bytes: '\n.\r' },
    { what: 'CR . LF', bytes: '\r.\n' },
    { what: 'CR . CR', bytes: '\r.\r' },
    { what: 'LF . CRLF', bytes: '\n.\r\n' },
    { what: 'CR . CRLF', bytes: '\r.\r\n' },
    { what: 'CRLF . CR CRLF', bytes: '\r\n.\r\r\n' },
    { what: 'CR CRLF . CRLF', bytes: '\r\r\n.\r\n' },
    { what: 'CRLF . LF', bytes: '\r\n.\n' },
  ])('A01 smuggles nothing in behind $what', async ({ bytes }) => {
    const client = await loggedIn();
    const smuggled = `MAIL FROM:<b@example.com>\r\nRCPT TO:<smuggled@demo.test>\r\nDATA\r\n${plainMessage('b@example.com', 'smuggled@demo.test')}`;
    const message = `${plainMessage('a@example.com', 'you@demo.test')}text${bytes}${smuggled}`;
    expect(await client.send('a@example.com', ['you@demo.test'], message)).toMatch(/^550 5\.6\.11 /);
    client.close();
    expect(fleet.events().filter((it) => it.recipient === 'smuggled@demo.test')).toEqual([]);
  });
});

test('nothing that was refused was queued', async () => {
  expect(await fleet.metric('postfleet_accepted_total')).toBe(3);
  expect(await fleet.stop()).toEqual({ code: 0, signal: null });
  expect(fleet.events().filter((it) => it.type === 'queued')).toHaveLength(3);
});
