/**
 * Relaxed canonicalisation of RFC 6376 §3.4.2 and §3.4.4, over bytes.
 *
 * Promises: one pass; a body that is in canonical form already (nearly all are) is hashed where it lies, without a
 * copy; no body becomes a string. `raw` has CRLF line ends; a lone CR or LF counts as content. Synchronous: it holds
 * the event loop for about a microsecond per kilobyte. Left to others: which fields are signed, and with what.
 */
import { hash } from 'node:crypto';

/** A field by its place in the message: from its name's first byte to after its last CRLF; `name` in lower case. */
export interface FieldSpan {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;

/** Reused by every call, as nothing is awaited while it is filled and read. Larger results get a Buffer of their own. */
const scratch = Buffer.allocUnsafeSlow(256 * 1024);
const roomFor = (length: number): Buffer => (length <= scratch.length ? scratch : Buffer.allocUnsafe(length));

/** The `bh=` of the body that starts at `bodyStart`: SHA-256 of its relaxed form, in base64. */
export const relaxedBodyHash = (raw: Buffer, bodyStart: number): string =>
  hash('sha256', relaxedBody(raw, bodyStart), 'base64');

/** The relaxed body. Valid until the next call: it may lie in `raw` or in a reused Buffer. */
export function relaxedBody(raw: Buffer, bodyStart: number): Buffer {
  const end = endOfContent(raw, bodyStart);
  if (end === bodyStart) return raw.subarray(0, 0);
  const first = nextIrregular(raw, bodyStart, end);
  const isCanonical = first === end && raw[end] === CR && raw[end + 1] === LF;
  return isCanonical ? raw.subarray(bodyStart, end + 2) : rewrite(raw, bodyStart, first, end);
}

/** The relaxed fields, each ended by CRLF, in the order given. A Buffer of its own. */
export function relaxedFields(raw: Buffer, fields: readonly FieldSpan[]): Buffer {
  const longest = fields.reduce((sum, field) => sum + field.end - field.start, 0);
  const out = roomFor(longest);
  let length = 0;
  for (const field of fields) length = writeField(raw, field, out, length);
  return Buffer.from(out.subarray(0, length));
}

/** Before the trailing white space and empty lines; the byte before it, if any, is content. */
function endOfContent(raw: Buffer, start: number): number {
  let end = raw.length;
  while (end > start) {
    const last = raw[end - 1];
    if (last === SPACE || last === TAB) end -= 1;
    else if (last === LF && end - 2 >= start && raw[end - 2] === CR) end -= 2;
    else break;
  }
  return end;
}

/**
 * The next white space that relaxing changes, or `end`: a tab, or a space that is followed by white space or a line
 * end. A space between two visible bytes is passed over together with the byte after it.
 */
function nextIrregular(raw: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const byte = raw[at] ?? 0;
    if (byte > SPACE) at += 1;
    else if (byte === SPACE) {
      if ((raw[at + 1] ?? 0) <= SPACE) return at;
      at += 2;
    } else if (byte === TAB) return at;
    else at += 1;
  }
  return end;
}

/** Copies up to the first change, and goes on byte by byte. */
function rewrite(raw: Buffer, start: number, first: number, end: number): Buffer {
  const out = roomFor(end - start + 2);
  let length = raw.copy(out, 0, start, first);
  length = writeRelaxed(raw, first, end, out, length);
  out[length++] = CR;
  out[length++] = LF;
  return out.subarray(0, length);
}

/** `end` follows a byte of content, so no run of white space crosses it. The inner loop is where the time goes. */
function writeRelaxed(raw: Buffer, first: number, end: number, out: Buffer, start: number): number {
  let length = start;
  let at = first;
  while (at < end) {
    for (let byte = raw[at] ?? 0; byte > SPACE && at < end; byte = raw[at] ?? 0) {
      out[length++] = byte;
      at += 1;
    }
    if (at === end) break;
    if (raw[at] === SPACE || raw[at] === TAB) {
      at = endOfSpace(raw, at);
      if (raw[at] !== CR || raw[at + 1] !== LF) out[length++] = SPACE;
    } else out[length++] = raw[at++] ?? 0;
  }
  return length;
}

function endOfSpace(raw: Buffer, start: number): number {
  let at = start;
  while (raw[at] === SPACE || raw[at] === TAB) at += 1;
  return at;
}

/** `name:value` CRLF: unfolded, each run of white space one space, none at either end of the value. */
function writeField(raw: Buffer, field: FieldSpan, out: Buffer, start: number): number {
  let length = start + out.write(`${field.name}:`, start, 'latin1');
  let isSpaced = false;
  for (let at = endOfFoldedSpace(raw, field.start + field.name.length + 1, field.end); at < field.end; at += 1) {
    const byte = raw[at] ?? 0;
    if (byte === CR || byte === LF) continue;
    if (byte === SPACE || byte === TAB) isSpaced = true;
    else {
      if (isSpaced) out[length++] = SPACE;
      isSpaced = false;
      out[length++] = byte;
    }
  }
  out[length++] = CR;
  out[length++] = LF;
  return length;
}

function endOfFoldedSpace(raw: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && (raw[at] === SPACE || raw[at] === TAB || raw[at] === CR || raw[at] === LF)) at += 1;
  return at;
}
