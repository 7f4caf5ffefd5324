/**
 * Writes the report a sender is owed when mail of theirs failed, or when they asked to hear that it was passed on or is late
 * (RFC 3464, in the form of RFC 6522).
 *
 * One report tells of all events it is given. Mail that a receiver took is `relayed`: it may go on from there, and whoever
 * takes it reports no more of it (RFC 3461 §5.2.2). It goes from the null reverse-path to the envelope sender, carries the
 * original's header, and says in plain words what happened before it says it for programs. The whole original is returned
 * only to those who asked (RET=FULL), and only if it is 7-bit, as a report is, and not large.
 */
import { isAscii } from 'node:buffer';
import { type Part, composeMultipart } from '#lib/mail/mail.ts';
import type { Instant } from '#lib/run/clock.ts';
import { decodeOriginalRecipient, decodeXtext } from '../mail/dsn-request.ts';
import type { MailEvent } from '../mail/event.ts';
import { mailDate } from '../mail/mail-date.ts';
import { domainOf, type Message, type MessageId } from '../mail/message.ts';
import { enhancedOf } from '../mail/reply.ts';
import type { Unreported } from '../queue/queue.ts';

export interface ReportContext {
  readonly id: MessageId;
  readonly now: Instant;
  readonly expiresAt: Instant;
  /** Our own name, the Reporting-MTA. */
  readonly hostname: string;
}

/** Longest part of the original's header that is returned. */
const HEADER_LIMIT = 64 * 1024;
/** Largest original that is returned whole. */
const WHOLE_LIMIT = 256 * 1024;

export async function composeReport({ message, events: owed }: Unreported, context: ReportContext): Promise<Message> {
  const from = `MAILER-DAEMON@${message.domain || context.hostname}`;
  const events = owed.map((it) => it.event);
  const raw = await composeMultipart(
    'multipart/report; report-type=delivery-status',
    [
      ['From', `Mail Delivery System <${from}>`],
      ['To', message.sender],
      ['Subject', `${titleOf(events)}: ${events.map((it) => it.recipient).join(', ')}`.slice(0, 200)],
      ['Date', mailDate(context.now)],
      ['Message-ID', `<${context.id}@${domainOf(from)}>`],
      ['Auto-Submitted', 'auto-replied'],
    ],
    [
      { contentType: 'text/plain; charset=utf-8', content: explanation(message, events, context.hostname) },
      { contentType: 'message/delivery-status', content: deliveryStatus(message, events, context.hostname) },
      original(message),
    ],
  );
  return {
    id: context.id,
    acceptedAt: context.now,
    expiresAt: context.expiresAt,
    tenant: message.tenant,
    credential: '',
    domain: message.domain,
    pool: message.pool,
    via: 'system',
    sender: '',
    // A sender whose name is not ASCII is named in the report's own header.
    ...(isAscii(raw) ? { body: '7BIT' } : { body: '8BITMIME', utf8: true }),
    recipients: [message.sender],
    raw,
  };
}

function explanation(message: Message, events: readonly MailEvent[], hostname: string): string {
  const paragraphs = FATES.flatMap(({ fate, before, after }) => {
    const these = events.filter((it) => fateOf(it) === fate);
    return these.length === 0 ? [] : [`${before}\n`, ...these.map(wordsOn), `${after}\n`];
  });
  const about = `Ask your postmaster about message ${message.id}.\n`;
  return [`This is the mail system at ${hostname}.\n`, ...paragraphs, about].join('\n');
}

/** RFC 3464 §2.3.3. */
type Fate = 'failed' | 'delayed' | 'relayed';

const fateOf = ({ type }: MailEvent): Fate =>
  type === 'delivered' ? 'relayed' : type === 'deferred' ? 'delayed' : 'failed';

const FATES: readonly {
  readonly fate: Fate;
  readonly title: string;
  readonly before: string;
  readonly after: string;
}[] = [
  {
    fate: 'failed',
    title: 'Undelivered mail',
    before: 'Your message could not be delivered to:',
    after: 'No more attempts will be made for these.',
  },
  {
    fate: 'delayed',
    title: 'Delayed mail',
    before: 'Your message could not be delivered yet to:',
    after: 'You need not do anything: more attempts will be made for these.',
  },
  {
    fate: 'relayed',
    title: 'Mail passed on',
    before: 'Your message was passed on for:',
    after: 'The systems that took it will not report again.',
  },
];

function titleOf(events: readonly MailEvent[]): string {
  const [fate, ...others] = new Set(events.map(fateOf));
  return (others.length === 0 && FATES.find((it) => it.fate === fate)?.title) || 'Delivery report';
}

function wordsOn({ recipient, type, reply }: MailEvent): string {
  const what = type === 'expired' ? 'gave up' : type === 'bounced' ? 'was refused' : 'the last word was';
  return `<${recipient}>\n    ${what}: ${reply.replaceAll(/\p{Cc}+/gu, ' ')}\n`;
}

/** RFC 3464 §2.2 and §2.3: a block about the message, then one for each recipient. */
function deliveryStatus(message: Message, events: readonly MailEvent[], hostname: string): string {
  const arrival = mailDate(message.acceptedAt);
  const envid = decodeXtext(message.dsn?.envid ?? '');
  const about = [
    ...(envid === undefined ? [] : [`Original-Envelope-Id: ${envid}`]),
    `Reporting-MTA: dns; ${hostname}`,
    `X-Postfleet-Message-Id: ${message.id}`,
    `Arrival-Date: ${arrival}`,
  ];
  return [about, ...events.map((it) => recipientBlock(it, message))]
    .map((lines) => `${lines.join('\r\n')}\r\n`)
    .join('\r\n');
}

function recipientBlock(event: MailEvent, { dsn, expiresAt }: Message): string[] {
  const asked = decodeOriginalRecipient(dsn?.recipients[event.index]?.orcpt ?? '');
  const host = event.host?.split(' ')[0]?.replace(/\]:\d+$/, ']');
  return [
    ...(asked === undefined ? [] : [`Original-Recipient: ${asked}`]),
    `Final-Recipient: ${typed(event.recipient)}`,
    `Action: ${fateOf(event)}`,
    `Status: ${statusOf(event)}`,
    ...(host ? [`Remote-MTA: dns; ${host}`] : []),
    `Diagnostic-Code: smtp; ${oneLine(event.reply)}`,
    `Last-Attempt-Date: ${mailDate(event.at)}`,
    ...(event.type === 'deferred' ? [`Will-Retry-Until: ${mailDate(expiresAt)}`] : []),
  ];
}

/** In 7 bits: letters that ASCII lacks as RFC 6533 §3 writes them. */
function typed(address: string): string {
  if (!/\P{ASCII}/u.test(address)) return `rfc822; ${address}`;
  const escaped = (letter: string): string => `\\x{${letter.codePointAt(0)?.toString(16).toUpperCase() ?? ''}}`;
  return `utf-8; ${address.replaceAll(/[\\+=]|\P{ASCII}/gu, escaped)}`;
}

/** Where the peer's own status is of another class than what became of it: expired, waiting, passed on. */
const STATUS: Readonly<Record<Fate, readonly [family: string, without: string, other: string]>> = {
  failed: ['5', '5.0.0', '5.4.7'],
  delayed: ['4', '4.0.0', '4.0.0'],
  relayed: ['2', '2.0.0', '2.0.0'],
};

/** The peer's enhanced status, or one made from what became of it; a report of failure never says 4.x.x. */
function statusOf(event: MailEvent): string {
  const [family, without, other] = STATUS[fateOf(event)];
  const [code = '', ...words] = event.reply.split(' ');
  const status = enhancedOf(Number(code), words.join(' ')) || without;
  return status.startsWith(family) ? status : other;
}

/** A peer's words must not begin a field of ours: printable ASCII only, on one line. */
const oneLine = (text: string): string => text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 900);

function original({ raw, dsn }: Message): Part {
  const isWhole = dsn?.ret === 'FULL' && raw.length <= WHOLE_LIMIT && isAscii(raw);
  return isWhole
    ? { contentType: 'message/rfc822', content: raw }
    : { contentType: 'text/rfc822-headers', content: headerOf(raw) };
}

/** The header block, without the body, 8-bit bytes as `?`: the report is 7-bit. */
function headerOf(raw: Buffer): string {
  const end = raw.indexOf('\r\n\r\n');
  const header = raw.subarray(0, Math.min(end < 0 ? raw.length : end + 2, HEADER_LIMIT));
  return header.toString('latin1').replaceAll(/[\x80-\xff]/g, '?');
}
