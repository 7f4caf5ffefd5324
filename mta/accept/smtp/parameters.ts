/**
 * What may follow the address in MAIL and RCPT (RFC 5321 §4.1.2): names and values → typed parameters, or the reply that
 * refuses them. Pure. A parameter is known and named once, or the command is refused.
 */
import {
  type MessageWishes,
  type Notification,
  type RecipientWishes,
  decodeOriginalRecipient,
  decodeXtext,
} from '#mta/mail/dsn-request.ts';
import type { BodyType } from '#mta/mail/message.ts';
import type { Reply } from '#mta/mail/reply.ts';
import { replies } from './replies.ts';

export interface MailParameters {
  readonly size: number;
  readonly body: BodyType;
  /** Addresses and header may hold UTF-8 (RFC 6531). */
  readonly smtpUtf8?: true;
  /** Absent when nothing is asked about reports. */
  readonly dsn?: MessageWishes;
}

export interface RcptParameters {
  readonly dsn?: RecipientWishes;
}

interface Refusal {
  readonly refusal: Reply;
}

type Parameters = ReadonlyMap<string, string>;

/** AUTH= is read and left alone: no submitter is trusted to speak for another (RFC 4954 §5). */
const OF_MAIL = new Set(['SIZE', 'BODY', 'AUTH', 'RET', 'ENVID', 'SMTPUTF8']);
const OF_RCPT = new Set(['NOTIFY', 'ORCPT']);

/** RFC 3461 §5.4. */
const LONGEST_ENVID = 100;
const LONGEST_ORCPT = 500;

/** Reads what follows the path of MAIL. */
export function readMailParameters(text: string): MailParameters | Refusal {
  const parameters = readParameters(text, OF_MAIL, replies.mailSyntax);
  if (!(parameters instanceof Map)) return parameters;
  const size = parameters.get('SIZE') ?? '0';
  const body = (parameters.get('BODY') ?? '7BIT').toUpperCase();
  if (!/^\d{1,20}$/.test(size)) return { refusal: replies.mailSyntax };
  if (body !== '7BIT' && body !== '8BITMIME') return { refusal: replies.unknownParameter };
  const dsn = readMessageWishes(parameters);
  const smtpUtf8 = parameters.get('SMTPUTF8');
  if (!dsn || (smtpUtf8 !== undefined && smtpUtf8 !== '')) return { refusal: replies.mailSyntax };
  return { size: Number(size), body, ...(smtpUtf8 === '' && { smtpUtf8: true }), ...wished(dsn) };
}

/** Reads what follows the path of RCPT. */
export function readRcptParameters(text: string): RcptParameters | Refusal {
  const parameters = readParameters(text, OF_RCPT, replies.rcptSyntax);
  if (!(parameters instanceof Map)) return parameters;
  const dsn = readRecipientWishes(parameters);
  return dsn ? wished(dsn) : { refusal: replies.rcptSyntax };
}

const wished = <T extends object>(dsn: T): { readonly dsn?: T } => (Object.keys(dsn).length > 0 ? { dsn } : {});

/** ` SIZE=1 BODY=7BIT` → names in upper case and values; `syntax` when badly formed or a name comes twice. */
function readParameters(text: string, known: ReadonlySet<string>, syntax: Reply): Map<string, string> | Refusal {
  const parameters = new Map<string, string>();
  for (const [word] of text.matchAll(/[^ ]+/g)) {
    const [, name, value = ''] = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?$/.exec(word) ?? [];
    if (name === undefined || parameters.has(name.toUpperCase())) return { refusal: syntax };
    parameters.set(name.toUpperCase(), value);
  }
  return [...parameters.keys()].every((name) => known.has(name)) ? parameters : { refusal: replies.unknownParameter };
}

/** Undefined when malformed. */
function readMessageWishes(parameters: Parameters): MessageWishes | undefined {
  const ret = parameters.get('RET')?.toUpperCase();
  const envid = parameters.get('ENVID');
  if (ret !== undefined && ret !== 'FULL' && ret !== 'HDRS') return undefined;
  if (envid !== undefined && (envid.length > LONGEST_ENVID || decodeXtext(envid) === undefined)) return undefined;
  return { ...(ret && { ret }), ...(envid !== undefined && { envid }) };
}

function readRecipientWishes(parameters: Parameters): RecipientWishes | undefined {
  const words = parameters.get('NOTIFY');
  const orcpt = parameters.get('ORCPT');
  const notify = words === undefined ? undefined : readNotify(words);
  if (words !== undefined && !notify) return undefined;
  if (orcpt !== undefined && (orcpt.length > LONGEST_ORCPT || decodeOriginalRecipient(orcpt) === undefined))
    return undefined;
  return { ...(notify && { notify }), ...(orcpt !== undefined && { orcpt }) };
}

const NOTIFICATIONS: ReadonlySet<string> = new Set<Notification>(['NEVER', 'SUCCESS', 'FAILURE', 'DELAY']);

function readNotify(words: string): readonly Notification[] | undefined {
  const given = words.toUpperCase().split(',');
  const isKnown = given.every((word) => NOTIFICATIONS.has(word)) && new Set(given).size === given.length;
  return isKnown && (given.length === 1 || !given.includes('NEVER')) ? (given as Notification[]) : undefined;
}
