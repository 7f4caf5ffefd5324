/**
 * A receiver that says "never": one report to the sender, that people and programs can read, and none where none is due.
 */
import { beforeAll, expect, test } from 'vitest';
import { verifyDkim } from '#lib/dkim/verify.ts';
import { systemClock } from '#lib/run/clock.ts';
import { publishedBy } from '../harness/published.ts';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { type Received, Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient, submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
let fleet: Postfleet;
let receiver: Receiver;

beforeAll(async () => {
  const config = await ConfigFolder.from(scene, 'bench');
  receiver = scene.adopt(
    await Receiver.listen(config.ports.receiver, {
      rcpt: (address) => (address.startsWith('gone') ? '550 5.1.1 no such user' : '250 2.1.5 ok'),
    }),
  );
  fleet = await Postfleet.start(scene, config);
});

/** The report about this message. */
const reportOn = (id: string): Promise<Received> =>
  until(`a report on ${id}`, () => receiver.taken.find((it) => it.raw.includes(`X-Postfleet-Message-Id: ${id}`)));

/** Bodies of the parts of a multipart message, by their content type. */
function partsOf(raw: Buffer): Map<string, string> {
  const text = raw.toString('latin1');
  const [, boundary = ''] = /boundary="?([^"\r\n;]+)"?/.exec(text) ?? [];
  const parts = text.split(`--${boundary}`).slice(1, -1);
  return new Map(
    parts.map((part) => {
      const [, type = ''] = /Content-Type: ([^;\r\n]+)/i.exec(part) ?? [];
      return [type, part.slice(part.indexOf('\r\n\r\n') + 4)];
    }),
  );
}

/** The blocks of a delivery status, fields by name. */
const blocksOf = (status: string): Record<string, string>[] =>
  status
    .trimEnd()
    .split('\r\n\r\n')
    .map(
      (block) => Object.fromEntries(block.split('\r\n').map((line) => line.split(/: (.*)/s))) as Record<string, string>,
    );

test('a refused message is reported to its sender, for people and for programs', async () => {
  const id = await submit(fleet.ports.submission, 'hello@example.com', ['gone@demo.test']);
  const bounced = await fleet.event('bounced', id);
  expect(bounced).toMatchObject({ reply: '550 5.1.1 no such user', attempt: 1 });

  const { sender, recipients, raw } = await reportOn(id);
  expect({ sender, recipients }).toEqual({ sender: '', recipients: ['hello@example.com'] });
  expect(raw.toString()).toMatch(/^Content-Type: multipart\/report; report-type=delivery-status;/im);
  expect(raw.toString()).toMatch(/^Auto-Submitted: auto-replied\r$/im);
  const parts = partsOf(raw);
  expect([...parts.keys()]).toEqual(['text/plain', 'message/delivery-status', 'text/rfc822-headers']);
  expect(parts.get('text/plain')).toContain('550 5.1.1 no such user');
  expect(parts.get('text/rfc822-headers')).toContain('Subject: A message');
  expect(parts.get('text/rfc822-headers')).not.toContain('Hello.');
  const [about, failure] = blocksOf(parts.get('message/delivery-status') ?? '');
  expect(about).toMatchObject({ 'Reporting-MTA': 'dns; mta.test', 'X-Postfleet-Message-Id': id });
  expect(failure).toMatchObject({
    'Final-Recipient': 'rfc822; gone@demo.test',
    Action: 'failed',
    Status: '5.1.1',
    'Diagnostic-Code': 'smtp; 550 5.1.1 no such user',
  });
});

test('the report is signed as the domain it comes from', async () => {
  const id = await submit(fleet.ports.submission, 'hello@example.com', ['gone-signed@demo.test']);
  const { raw } = await reportOn(id);
  const verdicts = await verifyDkim(raw, publishedBy(fleet.data), systemClock.now());
  expect(verdicts).toMatchObject([{ domain: 'example.com', algorithm: 'rsa-sha256', result: 'pass' }]);
});

test('three failures of one message in different domains make one report', async () => {
  const gone = ['gone1@one.test', 'gone2@two.test', 'gone3@three.test'];
  const id = await submit(fleet.ports.submission, 'hello@example.com', [...gone, 'here@one.test']);
  const { raw } = await reportOn(id);
  const [, ...failures] = blocksOf(partsOf(raw).get('message/delivery-status') ?? '');
  expect(failures.map((it) => it['Final-Recipient'] ?? '').toSorted()).toEqual(gone.map((it) => `rfc822; ${it}`));
  expect(receiver.taken.some((it) => it.recipients.includes('here@one.test'))).toBe(true);
});

test('who asks to hear of success is told what was passed on, by us where the receiver does not offer to', async () => {
  const client = await SmtpClient.open(fleet.ports.submission);
  await client.say('MAIL FROM:<hello@example.com> ENVID=order-17');
  await client.say('RCPT TO:<fine@demo.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;fine@demo.test');
  await client.say('DATA');
  client.write(plainMessage('hello@example.com', 'fine@demo.test'));
  const [, id = ''] = /queued as (\S+)/.exec(await client.say('.')) ?? [];
  client.close();
  const { raw } = await reportOn(id);
  expect(raw.toString()).toMatch(/^Subject: Mail passed on: fine@demo\.test\r$/m);
  const [about, success] = blocksOf(partsOf(raw).get('message/delivery-status') ?? '');
  expect(about).toMatchObject({ 'Original-Envelope-Id': 'order-17' });
  expect(success).toMatchObject({
    'Original-Recipient': 'rfc822;fine@demo.test',
    'Final-Recipient': 'rfc822; fine@demo.test',
    Action: 'relayed',
    Status: '2.0.0',
  });
});

test('what has no return path is never reported, and a report that bounces neither', async () => {
  const content = plainMessage('gone@example.com', 'gone@demo.test');
  const silent = await submit(fleet.ports.submission, '', ['gone-silent@demo.test'], content);
  const toNobody = await submit(fleet.ports.submission, 'gone@example.com', ['gone-nobody@demo.test'], content);
  await fleet.event('bounced', silent);
  await fleet.event('bounced', toNobody);
  // The report to gone@example.com is refused like every address that begins so: the end of it.
  const report = await until('the refusal of the report', () =>
    fleet.events().find((it) => it.type === 'bounced' && it.sender === '' && it.recipient === 'gone@example.com'),
  );
  expect(report.reply).toBe('550 5.1.1 no such user');
  const after = await submit(fleet.ports.submission, 'hello@example.com', ['here@demo.test']);
  await fleet.event('delivered', after);
  await until('an empty queue', async () => (await fleet.metric('postfleet_queue_depth')) === 0);
});

test('every recipient has ended in exactly one way, and each message was reported once', async () => {
  expect(await fleet.stop()).toEqual({ code: 0, signal: null });
  const ends = fleet.events().filter((it) => it.type !== 'queued');
  const keys = ends.map((it) => `${it.message} ${it.index}`);
  expect(new Set(keys).size).toBe(keys.length);
  const reports = receiver.taken.filter((it) => it.sender === '' && it.raw.includes('multipart/report'));
  const reported = reports.map((it) => /X-Postfleet-Message-Id: (\S+)/.exec(it.raw.toString())?.[1]);
  expect(new Set(reported).size).toBe(4);
  expect(reported).toHaveLength(4);
});
