/**
 * The commands of a transaction as text, and what must not be sent to this peer at all. Pure.
 */
import { strict as assert } from 'node:assert';
import type { DsnRequest, MessageWishes, RecipientWishes } from '../mail/dsn-request.ts';
import type { BodyType } from '../mail/message.ts';
import { type Reply, reply } from '../mail/reply.ts';
import type { Capabilities } from './capabilities.ts';
import { sizeOf } from './content.ts';

/** One message for one transaction. */
export interface Mail {
  /** `''` is the null reverse-path. */
  readonly sender: string;
  /** At least one, in canonical form. */
  readonly recipients: readonly string[];
  readonly body: BodyType;
  /** The header holds UTF-8 (RFC 6532). */
  readonly utf8?: boolean;
  /** What the sender asks about reports, by index of `recipients`: passed on to peers that offer DSN. */
  readonly dsn?: DsnRequest;
  /** The message in order (signatures, then `raw`): each part canonical and ending with CRLF, or empty. */
  readonly content: readonly Buffer[];
}

/** The reply this mail gets without being offered, because the peer announced that it could not take it. */
export function refusalOf(mail: Mail, peer: Capabilities): Reply | undefined {
  if (mail.body === '8BITMIME' && !peer.eightBitMime)
    return reply(554, '5.6.3', 'the message has 8-bit text and the receiver does not offer 8BITMIME');
  if (needsUtf8(mail) && !peer.smtpUtf8)
    return reply(553, '5.6.7', 'an address or the header is not ASCII and the receiver does not offer SMTPUTF8');
  const size = sizeOf(mail.content);
  if (peer.size && size > peer.size)
    return reply(552, '5.3.4', `the message has ${size} bytes and the receiver takes ${peer.size}`);
  return undefined;
}

export function mailCommand(mail: Mail, peer: Capabilities): string {
  const size = peer.size === undefined ? '' : ` SIZE=${sizeOf(mail.content)}`;
  const body = mail.body === '8BITMIME' ? ' BODY=8BITMIME' : '';
  const utf8 = needsUtf8(mail) ? ' SMTPUTF8' : '';
  const { ret, envid } = (peer.dsn && mail.dsn) || NO_WISHES;
  const dsn = `${parameter('RET', ret)}${parameter('ENVID', envid)}`;
  return `MAIL FROM:<${safe(mail.sender)}>${size}${body}${utf8}${dsn}\r\n`;
}

/** The RCPT of the recipient at `index`. */
export function rcptCommand(mail: Mail, peer: Capabilities, index: number): string {
  const { notify, orcpt } = (peer.dsn && mail.dsn?.recipients[index]) || NO_WISHES;
  const dsn = `${parameter('NOTIFY', notify?.join(','))}${parameter('ORCPT', orcpt)}`;
  return `RCPT TO:<${safe(mail.recipients[index] ?? '')}>${dsn}\r\n`;
}

const NO_WISHES: MessageWishes & RecipientWishes = {};
const parameter = (name: string, value: string | undefined): string =>
  value === undefined ? '' : ` ${name}=${safe(value)}`;

/** Addresses were parsed strictly on the way in; a line end here would be a command of somebody else's. */
function safe(address: string): string {
  assert(!/\p{Cc}/u.test(address), 'an envelope address holds a control character');
  return address;
}

/** Only a peer that offers SMTPUTF8 can have it (RFC 6531). */
export const needsUtf8 = (mail: Mail): boolean =>
  mail.utf8 === true || !isAscii(mail.sender) || !mail.recipients.every(isAscii);
const isAscii = (text: string): boolean => !/\P{ASCII}/u.test(text);
