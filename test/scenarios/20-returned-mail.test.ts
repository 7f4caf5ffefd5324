/**
 * A receiver that took a message and returns it later, to the signed return path; and those who guess at return paths.
 */
import { statSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
let config: ConfigFolder;
let fleet: Postfleet;
let receiver: Receiver;

beforeAll(async () => {
  config = await ConfigFolder.from(scene, 'bench', {
    SendingCredential: { spec: { networks: [] } },
    SendingDomain: { spec: { returnPathHost: 'bounce.example.com', feedbackAddresses: ['fbl@example.com'] } },
  });
  receiver = scene.adopt(await Receiver.listen(config.ports.receiver));
  fleet = await Postfleet.start(scene, config);
});

/** Submits as the credential; answers the message's id and the sender its receiver saw. */
async function sendTo(recipient: string): Promise<{ readonly id: string; readonly returnPath: string }> {
  const client = await SmtpClient.open(fleet.ports.submission);
  await client.startTls();
  await client.say(`AUTH PLAIN ${Buffer.from(`\0${fleet.username}\0${fleet.password}`).toString('base64')}`);
  const said = await client.send('hello@example.com', [recipient], plainMessage('hello@example.com', recipient));
  client.close();
  const [, id] = /^250 2\.0\.0 queued as (\S+)$/.exec(said) ?? [];
  if (id === undefined) throw new Error(said);
  const taken = await until('the message', () => receiver.taken.find((it) => it.recipients.includes(recipient)));
  return { id, returnPath: taken.sender };
}

const report = (recipient: string): string =>
  [
    'From: MAILER-DAEMON@demo.test',
    'Subject: Undelivered Mail Returned to Sender',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'The mailbox was not found.',
    '--b',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.demo.test',
    '',
    `Final-Recipient: rfc822; ${recipient}`,
    'Action: failed',
    'Status: 5.1.1',
    'Diagnostic-Code: smtp; 550 5.1.1 no such user',
    '',
    '--b--',
    '',
  ].join('\r\n');

/** Returns mail as a receiver would: without AUTH, from the null sender. */
async function giveBack(returnPath: string, content: string): Promise<string> {
  const client = await SmtpClient.open(fleet.ports.submission);
  const said = await client.send('', [returnPath], content);
  client.close();
  return said;
}

test('a message leaves with a return path of its own, and events name the sender as submitted', async () => {
  const { id, returnPath } = await sendTo('first@demo.test');
  expect(returnPath).toMatch(new RegExp(`^b-${id}000-[0-9a-z]{26}@bounce\\.example\\.com$`));
  expect(await fleet.event('delivered', id)).toMatchObject({ sender: 'hello@example.com' });
});

test('a failure that is returned to it later is an event of the message, and the address is suppressed', async () => {
  const { id, returnPath } = await sendTo('gone@demo.test');
  await fleet.event('delivered', id);
  expect(await giveBack(returnPath.toUpperCase(), report('gone@demo.test'))).toBe('250 2.0.0 taken');
  const { events } = await fleet.trace(id);
  expect(events.map((it) => it.type)).toEqual(['queued', 'delivered', 'returned', 'bounced-later']);
  expect(events[2]).toMatchObject({ recipient: 'gone@demo.test', host: 'client.test [127.0.0.1]', report: 'dsn' });
  expect(events[3]).toMatchObject({
    recipient: 'gone@demo.test',
    sender: 'hello@example.com',
    reply: '550 5.1.1 no such user',
    class: 'Invalid Address',
    suppressed: 'invalid-address',
  });
  expect(await fleet.metric('postfleet_returned_total', 'what="returned"')).toBe(1);
  expect(await fleet.metric('postfleet_returned_total', 'what="bounced-later"')).toBe(1);
  await expect(sendTo('Gone@demo.test')).rejects.toThrow('550 5.7.1 <gone@demo.test> is suppressed (invalid-address');
});

test('C09 a forged return path is refused as any other address there, and leaves nothing', async () => {
  const { id, returnPath } = await sendTo('second@demo.test');
  await fleet.event('delivered', id);
  const last = returnPath.charAt(57);
  const forged = returnPath.replace(`${last}@`, `${last === 'a' ? 'b' : 'a'}@`);
  const refusal = '550 5.1.1 no such address';
  for (const address of [forged, 'b-@bounce.example.com', 'somebody@bounce.example.com'])
    expect(await giveBack(address, report('second@demo.test'))).toBe(refusal);
  expect(await giveBack('somebody@demo.test', report('second@demo.test'))).toMatch(/^550 5\.7\.1 /);
  expect((await fleet.trace(id)).events.map((it) => it.type)).toEqual(['queued', 'delivered']);
});

/** A complaint with everything about the recipient hidden; `original` is what is left of the header. */
const complaint = (original: readonly string[]): string =>
  [
    'From: <fbl@isp.test>',
    'Subject: complaint',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=feedback-report; boundary=b',
    '',
    '--b',
    'Content-Type: message/feedback-report',
    '',
    'Feedback-Type: abuse',
    'User-Agent: test/1',
    'Version: 1',
    'Original-Rcpt-To: hidden@redacted.invalid',
    '',
    '--b',
    'Content-Type: message/rfc822',
    '',
    ...original,
    'To: hidden',
    '',
    'Hello.',
    '--b--',
    '',
  ].join('\r\n');

const eventsOf = async (id: string): Promise<string[]> => (await fleet.trace(id)).events.map((it) => it.type);

test('a complaint to the registered address is one about the message it holds, and the recipient is suppressed', async () => {
  const { id } = await sendTo('angry@demo.test');
  await fleet.event('delivered', id);
  const header =
    receiver.taken
      .find((it) => it.recipients.includes('angry@demo.test'))
      ?.raw.toString('latin1')
      .split('\r\n\r\n')[0] ?? '';
  const kept = header.split(/\r\n(?![ \t])/).filter((it) => !/^(?:to|subject):/i.test(it));
  expect(await giveBack('fbl@example.com', complaint(kept))).toBe('250 2.0.0 taken');
  expect(await eventsOf(id)).toEqual(['queued', 'delivered', 'returned', 'complained']);
  await expect(sendTo('angry@demo.test')).rejects.toThrow('is suppressed (complaint');
});

test('A21 a complaint about no message of ours is no event, and is kept for people to read', async () => {
  const { id } = await sendTo('happy@demo.test');
  await fleet.event('delivered', id);
  const guess = `${id.slice(0, 25)}${id.endsWith('0') ? '1' : '0'}`;
  const forged = complaint([
    `Received: from a by b (Postfleet) with ESMTP id ${guess};`,
    `Message-ID: <${guess}@example.com>`,
  ]);
  expect(await giveBack('fbl@example.com', forged)).toBe('250 2.0.0 taken');
  expect(await eventsOf(id)).toEqual(['queued', 'delivered']);
  expect(await fleet.metric('postfleet_returned_total', 'what="unmatched"')).toBe(1);
});

test('what came back is shown, for a recipient and at an address, and can be had as it came', async () => {
  const shown = async (...words: string[]): Promise<string> => (await fleet.command('returned', ...words)).trimEnd();
  expect(await shown('angry@demo.test')).toMatch(
    /^1 {2}\S+ arf for angry@demo\.test, by client\.test \[127\.0\.0\.1\], about \S+, found by its headers\n {3}complained: .*suppressed \(complaint\)$/,
  );
  expect(await shown('fbl@example.com')).toMatch(/^1 {2}\S+ arf for fbl@example\.com, .* about no message$/);
  expect(await shown('fbl@example.com', '--raw', '1')).toContain('Feedback-Type: abuse');
});

test('postmaster is taken, at the host of return paths and without any, in any case', async () => {
  expect(await giveBack('Postmaster', 'Subject: hello\r\n\r\nAnybody at all?\r\n')).toBe('250 2.0.0 taken');
  expect(await giveBack('PostMaster@bounce.example.com', 'Subject: hello\r\n\r\nAnybody there?\r\n')).toBe(
    '250 2.0.0 taken',
  );
});

test('a bounce with bare line ends, larger than anybody needs, is taken', async () => {
  const { id, returnPath } = await sendTo('bare@demo.test');
  await fleet.event('delivered', id);
  const content = `${report('bare@demo.test').replaceAll('\r\n', '\n')}${'x'.repeat(2_000_000)}\r\n`;
  expect(await giveBack(returnPath, content)).toBe('250 2.0.0 taken');
  expect(await eventsOf(id)).toEqual(['queued', 'delivered', 'returned', 'bounced-later']);
});

test('C11 nothing that comes back makes mail of ours', async () => {
  await until('an empty queue', async () => (await fleet.metric('postfleet_queue_depth')) === 0);
  expect(receiver.taken.every((it) => it.sender !== '' && it.recipients.every((to) => to.endsWith('@demo.test')))).toBe(
    true,
  );
});

test('a return path holds after a restart, because its key was kept for the owner alone', async () => {
  const { id, returnPath } = await sendTo('third@demo.test');
  await fleet.event('delivered', id);
  await fleet.stop();
  const folder = join(fleet.data, 'keyring', 'return-path');
  expect(readdirSync(folder).map((it) => statSync(join(folder, it)).mode & 0o777)).toEqual([0o600]);
  fleet = await Postfleet.start(scene, config, { data: fleet.data });
  expect(await giveBack(returnPath, report('third@demo.test'))).toBe('250 2.0.0 taken');
  expect((await fleet.trace(id)).events.map((it) => it.type)).toContain('returned');
});
