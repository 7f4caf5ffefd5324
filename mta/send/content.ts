/**
 * The bytes of a message as they go over the wire: after DATA with every leading dot doubled (RFC 5321 §4.5.2), or as one
 * counted chunk (RFC 3030). Pure.
 *
 * Parts are canonical: CRLF line ends only, each part ends with one. So each part starts a line, and the final dot may
 * follow directly. That makes it the only one: nothing inside can end the message for any receiver. In a chunk nothing
 * inside means anything at all.
 */
import { strict as assert } from 'node:assert';

/** A message in two: without `end` no receiver has it, with `end` it may. */
export interface Content {
  readonly parts: readonly Buffer[];
  /** A few bytes: the final dot, or the last octets of the chunk. */
  readonly end: Buffer;
}

const FINAL_DOT = Buffer.from('.\r\n');
const LINE_END = 2;

const LINE_WITH_DOT = Buffer.from('\r\n.');
const DOT = Buffer.from('.');
const DOT_BYTE = 0x2e;

/** For DATA: with transparency dots; parts that need none are not copied. */
export const asData = (parts: readonly Buffer[]): Content => ({ parts: whole(parts).map(stuffed), end: FINAL_DOT });

/**
 * For CHUNKING: one chunk, command and all, and no part copied. One, because some receivers keep the sender waiting
 * after each chunk that is not the last.
 */
export function asChunk(parts: readonly Buffer[]): Content {
  const lines = whole(parts);
  const last = lines.pop();
  assert(last, 'a message has at least one line');
  const command = Buffer.from(`BDAT ${sizeOf(parts)} LAST\r\n`);
  return { parts: [command, ...lines, last.subarray(0, -LINE_END)], end: last.subarray(-LINE_END) };
}

function whole(parts: readonly Buffer[]): Buffer[] {
  const filled = parts.filter((part) => part.length > 0);
  for (const part of filled)
    assert(part.at(-2) === 0x0d && part.at(-1) === 0x0a, 'a part of a message must end with CRLF');
  return filled;
}

/** Bytes of the message itself, as SIZE counts them (RFC 1870 §3): before transparency. */
export const sizeOf = (parts: readonly Buffer[]): number => parts.reduce((sum, part) => sum + part.length, 0);

function stuffed(part: Buffer): Buffer {
  const dots = leadingDots(part);
  if (dots.length === 0) return part;
  const out = Buffer.allocUnsafe(part.length + dots.length);
  let from = 0;
  for (const [inserted, dot] of dots.entries()) {
    part.copy(out, from + inserted, from, dot);
    DOT.copy(out, dot + inserted);
    from = dot;
  }
  part.copy(out, from + dots.length, from);
  return out;
}

/** Where the lines begin that begin with a dot. */
function leadingDots(part: Buffer): number[] {
  const dots = part[0] === DOT_BYTE ? [0] : [];
  for (let at = part.indexOf(LINE_WITH_DOT); at !== -1; at = part.indexOf(LINE_WITH_DOT, at + 2)) dots.push(at + 2);
  return dots;
}

/** `parts` cut into blocks of at most `size` bytes, in order. */
export function* blocks(parts: readonly Buffer[], size: number): Generator<Buffer, void> {
  for (const part of parts)
    for (let at = 0; at < part.length; at += size) yield part.subarray(at, Math.min(at + size, part.length));
}
