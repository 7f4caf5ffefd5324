/**
 * A `message/rfc822` body and its envelope in the query → what is submitted, or what is wrong with it.
 *
 * The message must be canonical: lines that do not end in CRLF are refused, because who reads them otherwise than we do
 * sees another message. Its header is admission's business.
 */
import { parseAddress } from '#lib/address/address.ts';
import { fieldsNamed, fieldValue, readHeader } from '../../mail/header.ts';
import { parseMailboxList } from '#lib/address/mailbox-list.ts';
import type { FieldError } from '#crds/field-error.ts';

export type RawReading =
  | {
      readonly kind: 'raw';
      readonly sender: string;
      readonly recipients: readonly string[];
      readonly raw: Buffer;
    }
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] };

/** `to` once per recipient, up to `most`; `from` is the envelope sender, the author when absent. */
export function readRaw(body: Buffer, query: URLSearchParams, most: number): RawReading {
  const errors: FieldError[] = [...lineErrors(body)];
  const addresses = query.getAll('to');
  if (addresses.length === 0)
    errors.push({ pointer: '', detail: 'the query must name recipients: ?to=ann@example.com' });
  if (addresses.length > most) errors.push({ pointer: '', detail: `the query may name ${most} recipients` });
  const recipients = addresses.slice(0, most).flatMap((it) => addressOf('to', it, errors));
  const sender = senderOf(body, query, errors);
  if (errors.length > 0) return { kind: 'invalid', errors };
  const isEnded = body.subarray(-2).equals(CRLF);
  return {
    kind: 'raw',
    sender,
    recipients: [...new Set(recipients)],
    raw: isEnded ? body : Buffer.concat([body, CRLF]),
  };
}

const CR = 13;
const LF = 10;
const CRLF = Buffer.from('\r\n');

function lineErrors(body: Buffer): FieldError[] {
  if (body.includes(0)) return [{ pointer: '', detail: 'the message holds NUL' }];
  for (let at = body.indexOf(LF); at !== -1; at = body.indexOf(LF, at + 1)) if (body[at - 1] !== CR) return [BARE];
  for (let at = body.indexOf(CR); at !== -1; at = body.indexOf(CR, at + 1)) if (body[at + 1] !== LF) return [BARE];
  return [];
}

const BARE: FieldError = { pointer: '', detail: 'the message holds a line that does not end in CRLF' };

function addressOf(parameter: 'from' | 'to', text: string, errors: FieldError[]): string[] {
  const reading = parseAddress(text);
  if (reading.kind === 'address') return [reading.address.text];
  errors.push({ pointer: '', detail: `${parameter}: ${reading.problem}` });
  return [];
}

/** The envelope sender; '' when neither query nor header names one: then admission says what is wrong with the header. */
function senderOf(body: Buffer, query: URLSearchParams, errors: FieldError[]): string {
  const named = query.get('from') ?? authorOf(body);
  return named === '' ? '' : (addressOf('from', named, errors)[0] ?? '');
}

function authorOf(body: Buffer): string {
  const reading = readHeader(body);
  const [field] = reading.kind === 'header' ? fieldsNamed(reading.header, 'from') : [];
  if (reading.kind !== 'header' || !field) return '';
  const list = parseMailboxList(fieldValue(reading.header, field));
  return list.kind === 'addresses' ? (list.addresses[0]?.text ?? '') : '';
}
