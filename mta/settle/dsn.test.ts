import { isAscii } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hours } from '#lib/run/clock.ts';
import { aMessage } from '../../test/harness/queue.ts';
import type { MailEvent } from '../mail/event.ts';
import { type Header, fieldValue, readHeader } from '../mail/header.ts';
import type { Message } from '../mail/message.ts';
import { composeReport } from './dsn.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const CONTEXT = { id: '01report', now: NOW, expiresAt: NOW + hours(72), hostname: 'mail.example.net' };

const failure = (over: Partial<MailEvent> = {}): MailEvent => ({
  v: 1,
  at: NOW,
  type: 'bounced',
  message: 'message',
  index: 0,
  tenant: 'default',
  sender: 'a@example.com',
  recipient: 'b@dest.test',
  reply: '550 5.1.1 no such user',
  attempt: 1,
  ...over,
});

const report = async (failures: readonly MailEvent[] = [failure()], message: Partial<Message> = {}): Promise<Message> =>
  composeReport({ message: aMessage(message), events: failures.map((event, index) => ({ index, event })) }, CONTEXT);

interface Part {
  readonly fields: ReadonlyMap<string, string>;
  readonly content: Buffer;
}

/** A header's fields by name; throws where one stands twice. */
function fieldsOf(header: Header): Map<string, string> {
  const fields = new Map(header.fields.map((it) => [it.name, fieldValue(header, it)]));
  if (fields.size < header.fields.length) throw new Error('a field stands twice');
  return fields;
}

function readPart(raw: Buffer): Part {
  const reading = readHeader(raw);
  if (reading.kind !== 'header') throw new Error(reading.problem);
  const fields = fieldsOf(reading.header);
  const content = raw.subarray(reading.header.bodyStart);
  const isQuoted = fields.get('content-transfer-encoding') === 'quoted-printable';
  return { fields, content: isQuoted ? unquoted(content) : content };
}

/** RFC 2045 §6.7. */
const unquoted = (text: Buffer): Buffer =>
  Buffer.from(
    text
      .toString('latin1')
      .replaceAll('=\r\n', '')
      .replaceAll(/=([\dA-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  );

/** The parts of a multipart message (RFC 2046 §5.1.1), read as strictly as it is written. */
function partsOf(raw: Buffer): { readonly fields: ReadonlyMap<string, string>; readonly parts: readonly Part[] } {
  const { fields, content } = readPart(raw);
  const [, boundary = ''] = /boundary="([^"]+)"/.exec(fields.get('content-type') ?? '') ?? [];
  const pieces = `\r\n${content.toString('latin1')}`.split(`\r\n--${boundary}`);
  const [before, ...rest] = pieces;
  if (before?.trim() !== '' || rest.pop() !== '--\r\n') throw new Error('not a multipart message');
  return { fields, parts: rest.map((it) => readPart(Buffer.from(it.slice(2), 'latin1'))) };
}

/** The blocks of a delivery status: of the message first, then of each recipient (RFC 3464 §2.1). */
function statusOf(part: Part | undefined): readonly ReadonlyMap<string, string>[] {
  const blocks = (part?.content.toString('latin1') ?? '').split(/\r\n\r\n/);
  return blocks.map((text) => {
    const reading = readHeader(Buffer.from(text.endsWith('\r\n') ? text : `${text}\r\n`, 'latin1'));
    if (reading.kind !== 'header') throw new Error(reading.problem);
    return fieldsOf(reading.header);
  });
}

const status = async (event: Partial<MailEvent>): Promise<ReadonlyMap<string, string> | undefined> =>
  statusOf(partsOf((await report([failure(event)])).raw).parts[1])[1];

describe('a report', () => {
  test('goes from nobody to the sender, as mail of the system that is owed no report itself', async () => {
    const message = await report();
    expect(message).toMatchObject({
      id: '01report',
      acceptedAt: NOW,
      expiresAt: NOW + hours(72),
      sender: '',
      recipients: ['a@example.com'],
      via: 'system',
      credential: '',
      tenant: 'default',
      domain: 'example.com',
      pool: 'default/main',
      body: '7BIT',
    });
  });

  test('says what it is, and that no machine should answer', async () => {
    const { fields, parts } = partsOf((await report()).raw);
    expect(fields.get('content-type')).toMatch(/^multipart\/report; report-type=delivery-status;/);
    expect(Object.fromEntries(fields)).toMatchObject({
      from: 'Mail Delivery System <MAILER-DAEMON@example.com>',
      to: 'a@example.com',
      subject: 'Undelivered mail: b@dest.test',
      date: 'Fri, 02 Jan 2026 03:04:05 +0000',
      'message-id': '<01report@example.com>',
      'auto-submitted': 'auto-replied',
    });
    expect(parts.map((it) => it.fields.get('content-type'))).toEqual([
      'text/plain; charset=utf-8',
      'message/delivery-status',
      'text/rfc822-headers',
    ]);
  });

  test('says in plain words what happened', async () => {
    const { parts } = partsOf((await report([failure({ reply: '550 5.1.1 pas d\u2019abonn\u00e9' })])).raw);
    const words = parts[0]?.content.toString('utf8');
    expect(words).toContain('This is the mail system at mail.example.net.');
    expect(words).toContain('<b@dest.test>\r\n    was refused: 550 5.1.1 pas d\u2019abonn\u00e9');
  });

  test('tells mail that was passed on, and mail that is late, from mail that failed', async () => {
    const events = [
      failure({ type: 'delivered', reply: '250 2.6.0 queued', recipient: 'b@dest.test' }),
      failure({ type: 'deferred', reply: '554 5.7.1 said for now', recipient: 'c@dest.test', due: 1 }),
      failure({ recipient: 'd@dest.test' }),
    ];
    const message = await report(events);
    const { fields, parts } = partsOf(message.raw);
    expect(fields.get('subject')).toBe('Delivery report: b@dest.test, c@dest.test, d@dest.test');
    const [, ...blocks] = statusOf(parts[1]);
    expect(blocks.map((it) => [it.get('action'), it.get('status'), it.has('will-retry-until')])).toEqual([
      ['relayed', '2.6.0', false],
      ['delayed', '4.0.0', true],
      ['failed', '5.1.1', false],
    ]);
    const words = parts[0]?.content.toString('utf8') ?? '';
    expect(words.indexOf('<d@dest.test>')).toBeLessThan(words.indexOf('<c@dest.test>'));
    expect(words).toContain('The systems that took it will not report again.');
  });

  test.each([
    ['delivered', 'Mail passed on: b@dest.test'],
    ['deferred', 'Delayed mail: b@dest.test'],
    ['expired', 'Undelivered mail: b@dest.test'],
  ] as const)('of mail that is %s alone has the subject %s', async (type, subject) => {
    expect(partsOf((await report([failure({ type })])).raw).fields.get('subject')).toBe(subject);
  });

  test('says it for programs', async () => {
    const { raw } = await report([failure({ host: 'mx.dest.test [192.0.2.1]:25' })], { id: '01original' });
    expect(statusOf(partsOf(raw).parts[1]).map((it) => Array.from(it))).toEqual([
      [
        ['reporting-mta', 'dns; mail.example.net'],
        ['x-postfleet-message-id', '01original'],
        ['arrival-date', 'Thu, 01 Jan 2026 00:00:00 +0000'],
      ],
      [
        ['final-recipient', 'rfc822; b@dest.test'],
        ['action', 'failed'],
        ['status', '5.1.1'],
        ['remote-mta', 'dns; mx.dest.test'],
        ['diagnostic-code', 'smtp; 550 5.1.1 no such user'],
        ['last-attempt-date', 'Fri, 02 Jan 2026 03:04:05 +0000'],
      ],
    ]);
  });

  test('has a block for each recipient, in order', async () => {
    const recipients = ['b@dest.test', 'c@dest.test', 'd@other.test'];
    const { raw } = await report(recipients.map((recipient) => failure({ recipient })));
    const { fields, parts } = partsOf(raw);
    const blocks = statusOf(parts[1]).slice(1);
    expect(blocks.map((it) => it.get('final-recipient'))).toEqual(recipients.map((it) => `rfc822; ${it}`));
    expect(fields.get('subject')).toBe(`Undelivered mail: ${recipients.join(', ')}`);
    for (const recipient of recipients) expect(parts[0]?.content.toString()).toContain(`<${recipient}>`);
  });

  test('of many recipients has a subject of bounded length', async () => {
    const events = Array.from({ length: 500 }, (_, at) => failure({ recipient: `someone${at}@dest.test` }));
    const { fields, parts } = partsOf((await report(events)).raw);
    expect(fields.get('subject')?.length).toBeLessThanOrEqual(200);
    expect(statusOf(parts[1])).toHaveLength(501);
  });

  test('to a sender beyond ASCII is for receivers that can take it', async () => {
    const message = await report(undefined, { sender: 'ä@example.com' });
    expect(message).toMatchObject({ recipients: ['ä@example.com'], body: '8BITMIME', utf8: true });
    expect(message.raw.toString()).toContain('To: ä@example.com');
  });

  test('of mail without a domain comes from the host itself', async () => {
    const { fields } = partsOf((await report(undefined, { domain: '' })).raw);
    expect(fields.get('from')).toBe('Mail Delivery System <MAILER-DAEMON@mail.example.net>');
  });

  test.each(['"a, b"@example.com', "o'hara+tag=1@bounce.example.com"])(
    'reaches a sender however odd the name: %s',
    async (sender) => {
      const message = await report(undefined, { sender });
      expect(message.recipients).toEqual([sender]);
      expect(partsOf(message.raw).fields.get('to')).toContain(sender);
    },
  );
});

describe('the status', () => {
  test.each([
    ['550 5.1.1 no such user', 'bounced', '5.1.1'],
    ['554 5.4.7 message expired; last reply: 451 4.7.1 greylisted', 'expired', '5.4.7'],
    ['550 no such user', 'bounced', '5.0.0'],
    ['550 4.1.1 class and code differ', 'bounced', '5.0.0'],
    ['', 'bounced', '5.0.0'],
    ['451 4.7.1 what is temporary is never reported as such', 'expired', '5.4.7'],
  ] as const)('of %j, %s, is %s', async (reply, type, want) => {
    expect((await status({ reply, type }))?.get('status')).toBe(want);
  });

  test.each([
    ['mx.dest.test [192.0.2.1]:25', 'dns; mx.dest.test'],
    ['[192.0.2.1]:2525', 'dns; [192.0.2.1]'],
    ['[2001:db8::1]:25', 'dns; [2001:db8::1]'],
    [undefined, undefined],
  ])('names the remote host of %s', async (host, want) => {
    expect((await status(host === undefined ? {} : { host }))?.get('remote-mta')).toBe(want);
  });

  test('names a recipient beyond ASCII in 7 bits (RFC 6533)', async () => {
    const block = await status({ recipient: 'ä+=李@dest.test' });
    expect(block?.get('final-recipient')).toBe(String.raw`utf-8; \x{E4}\x{2B}\x{3D}\x{674E}@dest.test`);
  });

  test('says in words that a message expired', async () => {
    const { parts } = partsOf((await report([failure({ type: 'expired' })])).raw);
    expect(parts[0]?.content.toString()).toContain('    gave up: ');
  });
});

describe('the original', () => {
  const header = 'From: a@example.com\r\nSubject: hello\r\n folded\r\n';

  test('is returned as its header, never its body', async () => {
    const { raw } = await report(undefined, { raw: Buffer.from(`${header}\r\nsecret body\r\n`) });
    expect(partsOf(raw).parts[2]?.content.toString()).toBe(header);
    expect(raw.includes('secret')).toBe(false);
  });

  test('without a body is returned whole', async () => {
    const { raw } = await report(undefined, { raw: Buffer.from(header) });
    expect(partsOf(raw).parts[2]?.content.toString()).toBe(header);
  });

  test('with 8-bit bytes in its header is returned in 7 bits', async () => {
    const { raw } = await report(undefined, { raw: Buffer.from('Subject: caf\xe9\r\n\r\n', 'latin1') });
    expect(isAscii(raw)).toBe(true);
    expect(partsOf(raw).parts[2]?.content.toString()).toBe('Subject: caf?\r\n');
  });

  test('with a huge header is returned in part', async () => {
    const huge = Buffer.from(`Subject: x\r\n${`X-A: ${'y'.repeat(80)}\r\n`.repeat(2000)}\r\nbody\r\n`);
    const { content } = partsOf((await report(undefined, { raw: huge })).raw).parts[2] ?? {};
    expect(content?.length).toBeLessThanOrEqual(64 * 1024);
    expect(huge.subarray(0, content?.length).equals(content ?? huge)).toBe(true);
  });

  test('that looks like the end of a part ends none', async () => {
    const { raw } = await report();
    const [, boundary = ''] = /boundary="([^"]+)"/.exec(raw.toString()) ?? [];
    const forged = Buffer.from(`Subject: x\r\n--${boundary}--: y\r\n\r\n`);
    expect(partsOf((await report(undefined, { raw: forged })).raw).parts).toHaveLength(3);
  });
});

describe('what the sender asked (RFC 3461)', () => {
  test('is answered with their names for message and recipient', async () => {
    const dsn = { envid: 'q+2B1', recipients: [{}, { orcpt: 'rfc822;b+2Bx@first.test' }] };
    const { raw } = await report([failure({ index: 0 }), failure({ index: 1 })], { dsn });
    const [about, first, second] = statusOf(partsOf(raw).parts[1]);
    expect(about?.get('original-envelope-id')).toBe('q+1');
    expect(first?.has('original-recipient')).toBe(false);
    expect(second?.get('original-recipient')).toBe('rfc822;b+x@first.test');
  });

  test.each(['a+0D+0AStatus: 2.0.0', 'a\r\nb', ''])('and was damaged since, as %j, is left out', async (envid) => {
    const dsn = { envid, recipients: [{ orcpt: `rfc822;${envid}` }] };
    const [about, block] = statusOf(partsOf((await report(undefined, { dsn })).raw).parts[1]);
    expect(about?.has('original-envelope-id')).toBe(false);
    expect(block?.has('original-recipient')).toBe(false);
  });

  const WHOLE = Buffer.from(`Subject: x\r\n\r\n${'=20 from '.repeat(100)}\r\n.\r\n\r\n--a--\r\n`);
  test.each<[string, 'FULL' | 'HDRS', Buffer, boolean]>([
    ['is returned whole when asked', 'FULL', WHOLE, true],
    ['is returned as its header when that is asked', 'HDRS', WHOLE, false],
    ['is returned as its header when it is large', 'FULL', Buffer.concat(Array(300).fill(WHOLE)), false],
    [
      'is returned as its header when it is not 7-bit',
      'FULL',
      Buffer.from('Subject: x\r\n\r\n\xe4\r\n', 'latin1'),
      false,
    ],
  ])('the original %s', async (_, ret, raw, isWhole) => {
    const message = await report(undefined, { raw, dsn: { ret, recipients: [{}] } });
    const part = partsOf(message.raw).parts[2];
    expect(part?.fields.get('content-type')).toBe(isWhole ? 'message/rfc822' : 'text/rfc822-headers');
    expect(part?.fields.get('content-transfer-encoding') ?? '7bit').toBe('7bit');
    expect(part?.content.toString('latin1').trimEnd()).toBe((isWhole ? WHOLE.toString() : 'Subject: x').trimEnd());
    expect(isAscii(message.raw)).toBe(true);
  });
});

const words = fc.string({
  unit: fc.constantFrom('\r', '\n', '\0', '\u001b', ' ', ':', '-', '=', '.', 'a', 'Status: 2.0.0', '\u00e9', '\u2028'),
  maxLength: 40,
});

test('whatever a peer says, it begins no field, ends no part, and leaves the report in 7 bits', async () => {
  await fc.assert(
    fc.asyncProperty(words, words, async (reply, more) => {
      const message = await report([failure({ reply: `550 ${reply}` }), failure({ reply: more })]);
      const { parts } = partsOf(message.raw);
      expect(parts).toHaveLength(3);
      const [, ...blocks] = statusOf(parts[1]);
      expect(blocks.map((it) => [...it.keys()])).toEqual([RECIPIENT_FIELDS, RECIPIENT_FIELDS]);
      expect(blocks.map((it) => it.get('action'))).toEqual(['failed', 'failed']);
      expect(isAscii(message.raw)).toBe(true);
      expect(message.raw.toString('latin1')).toMatch(/^(?:[^\r\n]{0,998}\r\n)+$/);
    }),
    { numRuns: 50 },
  );
});

const RECIPIENT_FIELDS = ['final-recipient', 'action', 'status', 'diagnostic-code', 'last-attempt-date'];
