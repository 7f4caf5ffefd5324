/**
 * Mail that came back with whatever line ends: each becomes CRLF. Pure, one pass; what is right already is not copied.
 *
 * Only what is read and kept here passes: nothing of it is handed on, so no other reader can be told a false end by it.
 */
const LF = 10;
const CR = 13;

export function withLineEnds(raw: Buffer): Buffer {
  if (countBare(raw) === 0) return raw;
  const made = Buffer.allocUnsafe(raw.length + countBare(raw));
  let size = 0;
  for (let at = 0; at < raw.length; at += 1) {
    const byte = raw[at] as number;
    if (byte === LF && raw[at - 1] !== CR) made[size++] = CR;
    made[size++] = byte;
    if (byte === CR && raw[at + 1] !== LF) made[size++] = LF;
  }
  return made;
}

/** Each needs one byte more. */
function countBare(raw: Buffer): number {
  let bare = 0;
  for (let at = raw.indexOf(LF); at >= 0; at = raw.indexOf(LF, at + 1)) if (raw[at - 1] !== CR) bare += 1;
  for (let at = raw.indexOf(CR); at >= 0; at = raw.indexOf(CR, at + 1)) if (raw[at + 1] !== LF) bare += 1;
  return bare;
}
