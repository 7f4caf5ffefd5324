/**
 * Reads the header of a message once: where each field begins and ends, and where the body starts.
 *
 * Promises: one pass over the header's bytes, none over the body; nothing is copied, no body becomes a string; stops
 * at the limits, so that a hostile header costs no more than a long one; names are kept in a list, never as keys of
 * an object. Input is canonical (CRLF only); what is not is malformed. Left to others: what the values mean.
 */

export interface HeaderField {
  /** In lower case. */
  readonly name: string;
  /** Offset of the name's first byte. */
  readonly start: number;
  /** Offset after the colon. */
  readonly valueStart: number;
  /** Offset after the field's last CRLF. */
  readonly end: number;
}

export interface Header {
  readonly raw: Buffer;
  /** In the order they stand. */
  readonly fields: readonly HeaderField[];
  /** Offset of the body's first byte; `raw.length` when there is none, with or without the empty line. */
  readonly bodyStart: number;
}

/** `problem` is a sentence about the header; it never repeats its bytes. */
export type HeaderReading =
  | { readonly kind: 'header'; readonly header: Header }
  | { readonly kind: 'malformed'; readonly problem: string }
  | { readonly kind: 'too-large'; readonly problem: string };

export interface HeaderLimits {
  /** Of all fields together, without the empty line. */
  readonly bytes: number;
  readonly fields: number;
}

const defaultHeaderLimits: HeaderLimits = { bytes: 128 * 1024, fields: 1000 };

/** Reads the header in front of a message, or a header alone. */
export function readHeader(raw: Buffer, limits: HeaderLimits = defaultHeaderLimits): HeaderReading {
  const fields: HeaderField[] = [];
  for (let at = 0; ;) {
    if (at === raw.length || isLineEnd(raw, at)) return finished(raw, fields, Math.min(at + 2, raw.length));
    if (fields.length === limits.fields) return tooLarge(`The header has more than ${limits.fields} fields.`);
    const colon = endOfName(raw, at, limits.bytes);
    const end = isNamed(raw, at, colon) ? endOfValue(raw, colon + 1, limits.bytes) : colon;
    if (end >= limits.bytes) return tooLarge(`The header is longer than ${limits.bytes} bytes.`);
    if (end === colon) return malformed(nameProblem(raw, at, colon));
    if (end === BROKEN) return malformed('The header holds a control character or a broken line end.');
    fields.push({ name: raw.toString('latin1', at, colon).toLowerCase(), start: at, valueStart: colon + 1, end });
    at = end;
  }
}

/** All fields of a name (lower case), in the order they stand. */
export const fieldsNamed = (header: Header, name: string): readonly HeaderField[] =>
  header.fields.filter((field) => field.name === name);

/** The field's bytes, name and last CRLF included; a view, not a copy. */
export const fieldBytes = (header: Header, field: HeaderField): Buffer => header.raw.subarray(field.start, field.end);

/** The unfolded value without white space around it. Bytes that are not UTF-8 become U+FFFD unless read as latin1. */
export function fieldValue(header: Header, field: HeaderField, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  let from = field.valueStart;
  let to = field.end;
  while (from < to && isSpace(header.raw[from])) from += 1;
  while (to > from && isSpace(header.raw[to - 1])) to -= 1;
  return header.raw.toString(encoding, from, to).replaceAll('\r\n', '');
}

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;
const DEL = 127;
const BROKEN = -1;

const malformed = (problem: string): HeaderReading => ({ kind: 'malformed', problem });
const tooLarge = (problem: string): HeaderReading => ({ kind: 'too-large', problem });

const isLineEnd = (raw: Buffer, at: number): boolean => raw[at] === CR && raw[at + 1] === LF;
const isSpace = (byte: number | undefined): boolean => byte === SPACE || byte === TAB || byte === CR || byte === LF;

function finished(raw: Buffer, fields: readonly HeaderField[], bodyStart: number): HeaderReading {
  if (fields.length === 0) return malformed('The header is empty.');
  return { kind: 'header', header: { raw, fields, bodyStart } };
}

/** The first byte that cannot stand in a field name (RFC 5322 §2.2: visible ASCII without the colon). */
function endOfName(raw: Buffer, start: number, limit: number): number {
  const stop = Math.min(raw.length, limit);
  let at = start;
  for (; at < stop; at += 1) {
    const byte = raw[at] ?? 0;
    if (byte <= SPACE || byte >= DEL || byte === COLON) break;
  }
  return at;
}

const isNamed = (raw: Buffer, start: number, colon: number): boolean => colon > start && raw[colon] === COLON;

/** After the CRLF that no white space follows; `BROKEN` when the value is malformed, `limit` or more when too long. */
function endOfValue(raw: Buffer, start: number, limit: number): number {
  const stop = Math.min(raw.length, limit);
  for (let at = start; at < stop; at += 1) {
    const byte = raw[at] ?? 0;
    if ((byte >= SPACE && byte !== DEL) || byte === TAB) continue;
    if (!isLineEnd(raw, at)) return BROKEN;
    const next = raw[at + 2];
    if (next !== SPACE && next !== TAB) return at + 2;
    at += 2;
  }
  return stop < raw.length ? limit : BROKEN;
}

function nameProblem(raw: Buffer, start: number, stopped: number): string {
  const byte = raw[stopped];
  if (stopped === start && (byte === SPACE || byte === TAB)) return 'The header begins with a folded line.';
  if (stopped === start && byte === COLON) return 'The header holds a field without a name.';
  let at = stopped;
  while (raw[at] === SPACE || raw[at] === TAB) at += 1;
  return raw[at] === COLON
    ? 'The header holds a space between a field name and its colon.'
    : 'The header holds a line that is not a field.';
}
