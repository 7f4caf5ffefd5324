/**
 * The bytes of a message as they go over the wire after DATA: every leading dot doubled (RFC 5321 §4.5.2). Pure.
 *
 * Parts are canonical: CRLF line ends only, each part ends with one. So each part starts a line, and the terminator may
 * follow directly. That makes the final dot the only one: nothing inside can end the message for any receiver.
 */
import { strict as assert } from 'node:assert';

/** What ends a message whose last line has ended. */
export const END_OF_CONTENT = Buffer.from('.\r\n');

const LINE_WITH_DOT = Buffer.from('\r\n.');
const DOT = Buffer.from('.');
const DOT_BYTE = 0x2e;

/** The parts with transparency dots; those that need none are returned as they are. Empty parts vanish. */
export function transparent(parts: readonly Buffer[]): Buffer[] {
  return parts.filter((part) => part.length > 0).map(stuffed);
}

/** Bytes of the message itself, as SIZE counts them (RFC 1870 §3): before transparency. */
export const sizeOf = (parts: readonly Buffer[]): number => parts.reduce((sum, part) => sum + part.length, 0);

function stuffed(part: Buffer): Buffer {
  assert(part.at(-2) === 0x0d && part.at(-1) === 0x0a, 'a part of a message must end with CRLF');
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
