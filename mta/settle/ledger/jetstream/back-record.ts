/**
 * How mail that came back lies in its stream: what it is about in a header, so that reading headers alone tells it; events
 * and the copy in the record. No I/O.
 */
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Instant } from '#lib/run/clock.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import { MESSAGE_ID } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { MailEvent } from '../../../mail/event.ts';
import type { MessageId } from '../../../mail/message.ts';
import { REPORT_KINDS, type ReportKind } from '../../../mail/report.ts';
import { subjectKey } from '../../../mail/suppression.ts';
import type { Stray } from '../returned.ts';
import type { LedgerLayout } from './layout.ts';

const VERSION = 1;
const ABOUT = 'About';
/** Characters: a server takes 64 KiB of headers. */
const ABOUT_LENGTH = 16 * 1024;
const NEWLINE = 10;

/** `recipients`: as `subjectKey` has them, one for each event `returned`. */
export type About =
  | { readonly kind: 'returned'; readonly message: MessageId; readonly recipients: readonly string[] }
  | {
      readonly kind: 'stray';
      readonly tenant: string;
      readonly recipient: string;
      readonly at: Instant;
      readonly host: string;
      readonly report: ReportKind;
    };

/** To be appended together; `id` is the same when it is tried again. */
export function encodeReturned(
  events: readonly MailEvent[],
  copy: Buffer,
  { returnedOf }: LedgerLayout,
  id: string,
): Outgoing[] {
  return partsOf(events).map((part, at) => {
    const { message = '', tenant = '' } = part[0] ?? {};
    const recipients = part.filter((it) => it.type === 'returned').map((it) => subjectKey(it.recipient));
    return {
      subject: returnedOf(tenant),
      headers: headersOf({ kind: 'returned', message, recipients }, `${id}.${at}`),
      payload: Buffer.concat([Buffer.from(`${JSON.stringify(part)}\n`), copy]),
    };
  });
}

export function encodeStray({ copy, ...stray }: Stray, { strayOf }: LedgerLayout, id: string): Outgoing {
  const about = { kind: 'stray', ...stray, recipient: stray.recipient.toLowerCase() } as const;
  return { subject: strayOf(stray.tenant), headers: headersOf(about, id), payload: copy };
}

const headersOf = (about: About, id: string): Record<string, string> => ({
  [MESSAGE_ID]: id,
  [ABOUT]: JSON.stringify({ v: VERSION, ...about }),
});

/** Events of one message each, no more than a header can name. */
function partsOf(events: readonly MailEvent[]): MailEvent[][] {
  const parts: MailEvent[][] = [];
  let length = 0;
  for (const event of events) {
    const last = parts.at(-1);
    length += event.recipient.length + 8;
    if (last && last[0]?.message === event.message && length < ABOUT_LENGTH) last.push(event);
    else {
      parts.push([event]);
      length = event.recipient.length;
    }
  }
  return parts;
}

/** Fault `record-unreadable` when it is damaged or of a version not known here. */
export function decodeAbout(stored: Stored): About {
  const { v, ...about } = parsed(stored, stored.header(ABOUT)) as About & { readonly v: number };
  if (v !== VERSION)
    throw new Fault('record-unreadable', `record ${stored.seq} of ${stored.subject} has a version not known here`);
  if (about.kind === 'stray') return { ...about, report: REPORT_KINDS.find((it) => it === about.report) ?? 'other' };
  return about;
}

/** Of a record about a message. Fault `record-unreadable`. */
export function decodeReturned(stored: Stored): { readonly events: readonly MailEvent[]; readonly copy: Buffer } {
  const end = stored.payload.indexOf(NEWLINE);
  const events = parsed(stored, stored.payload.subarray(0, Math.max(end, 0)).toString()) as MailEvent[];
  return { events, copy: stored.payload.subarray(end + 1) };
}

function parsed({ seq, subject }: Stored, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new Fault('record-unreadable', `record ${seq} of ${subject} is damaged: ${reasonOf(cause)}`, { cause });
  }
}
