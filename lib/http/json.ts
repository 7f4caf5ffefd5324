/**
 * Reads JSON that means the same to everybody: what parsers read in two ways is refused, not guessed.
 *
 * Refused: bytes that are not UTF-8, a field that comes twice, `__proto__`, numbers without a value (1e400), and more
 * values than any request has. Linear time, no recursion, never throws.
 */

import { isUtf8 } from 'node:buffer';

export type JsonReading =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'unreadable'; readonly problem: string };

/** `most` bounds commas and brackets together, and so what can be in it. */
export function readJson(bytes: Buffer, most: number): JsonReading {
  try {
    if (!isUtf8(bytes)) return { kind: 'unreadable', problem: NOT_JSON };
    const text = bytes.toString('utf8', bytes.subarray(0, BOM.length).equals(BOM) ? BOM.length : 0);
    const wrong = new Scan(text, most).problem();
    if (wrong !== undefined) return { kind: 'unreadable', problem: wrong };
    return { kind: 'json', value: MAY_BE_INFINITE.test(text) ? JSON.parse(text, refuseInfinite) : JSON.parse(text) };
  } catch {
    return { kind: 'unreadable', problem: NOT_JSON };
  }
}

const NOT_JSON = 'the body is not JSON in UTF-8';
/** In front of some programs' UTF-8; ignored (RFC 8259 §8.1). */
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
/** The least a number without a value has: an exponent of three digits, or as many digits. Looking at each value costs. */
const MAY_BE_INFINITE = /[eE]\+?\d{3}|\d{300}/;

function refuseInfinite(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError('a number that is none');
  return value;
}

const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];
/** Brackets and commas. */
const [OPENS_OBJECT, CLOSES_OBJECT, OPENS_ARRAY, CLOSES_ARRAY, COMMA] = [0x7b, 0x7d, 0x5b, 0x5d, 0x2c];
/** RFC 8259 §2. */
const isBlank = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/** Looks at the structure only; whether the text is JSON at all is the parser's business. */
class Scan {
  readonly #text: string;
  readonly #most: number;
  /** What is open: an array, an object, or the fields of that so far. */
  readonly #open: (Set<string> | 'object' | 'array')[] = [];
  #count = 0;

  constructor(text: string, most: number) {
    this.#text = text;
    this.#most = most;
  }

  problem(): string | undefined {
    const text = this.#text;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        const end = this.#endOfString(at);
        const wrong = this.#field(at, end);
        if (wrong !== undefined) return wrong;
        at = end - 1;
      } else if (this.#isMark(code) && (this.#count += 1) > this.#most)
        return 'the body has more values than a request may have';
    }
    return undefined;
  }

  #isMark(code: number): boolean {
    if (code === OPENS_OBJECT) this.#open.push('object');
    else if (code === OPENS_ARRAY) this.#open.push('array');
    else if (code === CLOSES_OBJECT || code === CLOSES_ARRAY) this.#open.pop();
    else return code === COMMA;
    return true;
  }

  /** After the closing quote, which is the first with an even number of backslashes in front. */
  #endOfString(start: number): number {
    const text = this.#text;
    for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
      let before = at;
      while (text.charCodeAt(before - 1) === BACKSLASH) before -= 1;
      if ((at - before) % 2 === 0) return at + 1;
    }
    return text.length;
  }

  /** A string in an object with a colon after it is a field's name. */
  #field(start: number, end: number): string | undefined {
    const fields = this.#open.at(-1);
    if (fields === undefined || fields === 'array' || !this.#isBeforeColon(end)) return undefined;
    const text = this.#text.slice(start, end);
    const name = text.includes('\\') ? String(JSON.parse(text)) : text.slice(1, -1);
    if (name === '__proto__') return 'the body has a field __proto__';
    if (fields === 'object') this.#open[this.#open.length - 1] = new Set([name]);
    else if (fields.has(name)) return 'the body has the same field twice in one object';
    else fields.add(name);
    return undefined;
  }

  #isBeforeColon(end: number): boolean {
    let at = end;
    while (isBlank(this.#text.charCodeAt(at))) at += 1;
    return this.#text.charCodeAt(at) === COLON;
  }
}
