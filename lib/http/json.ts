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

const QUOTE = '"';

/** Looks at the structure only; whether the text is JSON at all is the parser's business. */
class Scan {
  readonly #text: string;
  readonly #most: number;
  /** What is open: fields of an object so far, or an array. */
  readonly #open: (Set<string> | 'array')[] = [];

  constructor(text: string, most: number) {
    this.#text = text;
    this.#most = most;
  }

  problem(): string | undefined {
    const marks = /["{}[\],]/g;
    let count = 0;
    for (let mark = marks.exec(this.#text); mark; mark = marks.exec(this.#text)) {
      const [char] = mark;
      if (char === QUOTE) {
        marks.lastIndex = this.#endOfString(mark.index);
        const wrong = this.#field(mark.index, marks.lastIndex);
        if (wrong !== undefined) return wrong;
      } else if ((count += 1) > this.#most) return 'the body has more values than a request may have';
      else this.#step(char);
    }
    return undefined;
  }

  #step(char: string): void {
    if (char === '{') this.#open.push(new Set());
    else if (char === '[') this.#open.push('array');
    else if (char !== ',') this.#open.pop();
  }

  /** After the closing quote, which is the first with an even number of backslashes in front. */
  #endOfString(start: number): number {
    const stops = /["\\]/g;
    stops.lastIndex = start + 1;
    for (let stop = stops.exec(this.#text); stop; stop = stops.exec(this.#text)) {
      if (stop[0] === QUOTE) return stop.index + 1;
      stops.lastIndex = stop.index + 2;
    }
    return this.#text.length;
  }

  /** A string in an object with a colon after it is a field's name. */
  #field(start: number, end: number): string | undefined {
    const fields = this.#open.at(-1);
    if (!(fields instanceof Set) || !this.#isBeforeColon(end)) return undefined;
    const name = String(JSON.parse(this.#text.slice(start, end)));
    if (name === '__proto__') return 'the body has a field __proto__';
    if (fields.has(name)) return 'the body has the same field twice in one object';
    fields.add(name);
    return undefined;
  }

  #isBeforeColon(end: number): boolean {
    const next = /[^ \t\r\n]/g;
    next.lastIndex = end;
    return next.exec(this.#text)?.[0] === ':';
  }
}
