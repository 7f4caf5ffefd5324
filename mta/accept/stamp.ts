/**
 * Puts our mark on a message: Received in front, Date and Message-ID where missing; Bcc, Return-Path and what was said
 * to us alone (X-Postfleet-…) out.
 *
 * Nothing else changes: every other byte of header and body stays as submitted, so signatures made before still hold.
 * One copy of the message is made. Text a peer chose (its EHLO name) is reduced to letters that cannot mislead.
 */
import type { Instant } from '#lib/run/clock.ts';
import { type Header, type HeaderField, fieldsNamed } from '../mail/header.ts';
import { mailDate } from '../mail/mail-date.ts';
import type { MessageId } from '../mail/message.ts';

export interface StampContext {
  readonly id: MessageId;
  readonly now: Instant;
  /** For a Date that is missing. */
  readonly date: Instant;
  /** Our own name, after `by`. */
  readonly hostname: string;
  /** Domain for a Message-ID that is missing. */
  readonly domain: string;
  /** `ESMTPSA` and the like (RFC 3848), or `HTTP`. */
  readonly protocol: string;
  readonly peer: { readonly ehlo: string; readonly address: string; readonly tls?: string | undefined };
  readonly recipients: readonly string[];
}

/** What begins so is an instruction to us (`instructions.ts`). */
export const OURS = 'x-postfleet-';

/** Bcc would tell recipients of one another; Return-Path is the last host's to write (RFC 5321 §4.4). */
const REMOVED = new Set(['bcc', 'resent-bcc', 'return-path']);

/** The message as it is queued: canonical, ends with CRLF. */
export function stamp(header: Header, context: StampContext): Buffer {
  const added = [received(context)];
  if (fieldsNamed(header, 'date').length === 0) added.push(`Date: ${mailDate(context.date)}\r\n`);
  if (fieldsNamed(header, 'message-id').length === 0) added.push(`Message-ID: <${context.id}@${context.domain}>\r\n`);
  return Buffer.concat([Buffer.from(added.join('')), ...keptParts(header)]);
}

/** Everything but the removed fields, in as few pieces as there are gaps. */
function keptParts({ raw, fields }: Header): Buffer[] {
  const parts: Buffer[] = [];
  let from = 0;
  for (const field of fields.filter(isRemoved)) {
    parts.push(raw.subarray(from, field.start));
    from = field.end;
  }
  parts.push(raw.subarray(from));
  return parts;
}

const isRemoved = ({ name }: HeaderField): boolean => REMOVED.has(name) || name.startsWith(OURS);

/** RFC 5321 §4.4. `for` only with a single recipient: it would tell recipients of one another. */
function received({ id, now, hostname, protocol, peer, recipients }: StampContext): string {
  const tls = peer.tls ? ` (${peer.tls})` : '';
  const [recipient, ...others] = recipients;
  const forWhom = recipient !== undefined && others.length === 0 ? `\r\n\tfor <${recipient}>` : '';
  return (
    `Received: from ${plain(peer.ehlo) || 'unknown'} ([${peer.address}])${tls}\r\n` +
    `\tby ${hostname} (Postfleet) with ${protocol} id ${id}${forWhom};\r\n\t${mailDate(now)}\r\n`
  );
}

const plain = (name: string): string => name.replaceAll(/[^A-Za-z0-9.:_-]/g, '').slice(0, 255);
