/**
 * Reads SMTP replies off a byte stream (RFC 5321 §4.2): many lines, one code, an enhanced status on any of them.
 *
 * Promises: the same result however the stream is cut into chunks; never throws; holds at most one line and one reply;
 * texts come out without control characters, so they are safe in logs, events and reports. What is no reply is a
 * `ProtocolProblem`, and after one nothing more is read: where the next reply would begin is unknown.
 * Left to others: whether a reply was asked for, and when it is late.
 */
import { enhancedOf, type Reply } from '../mail/reply.ts';

/** RFC 5321 allows 512 octets; peers are wordier. */
const LONGEST_LINE = 2048;
const LONGEST_REPLY = 64 * 1024;
const MOST_LINES = 100;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const HYPHEN = 0x2d;
const NOTHING = Buffer.alloc(0);

export interface ProtocolProblem {
  readonly problem: string;
}

export const isProblem = (it: Reply | ProtocolProblem): it is ProtocolProblem => 'problem' in it;

export class ReplyReader {
  #bytes: Buffer = NOTHING;
  #at = 0;
  #problem: ProtocolProblem | undefined;
  /** The reply under way. */
  #code = 0;
  #enhanced = '';
  #texts: string[] = [];
  #length = 0;

  /** Adds what was received; then `take` until it gives nothing. */
  feed(chunk: Buffer): void {
    this.#bytes = this.isEmpty ? chunk : Buffer.concat([this.#bytes.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** No byte waits to be taken. */
  get isEmpty(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Between two replies, with nothing of the next one here. */
  get isIdle(): boolean {
    return this.isEmpty && this.#texts.length === 0 && !this.#problem;
  }

  /** The next reply, or what is wrong with the stream, or undefined until more is fed. */
  take(): Reply | ProtocolProblem | undefined {
    while (!this.#problem) {
      const end = this.#bytes.indexOf(LF, this.#at);
      const length = (end === -1 ? this.#bytes.length : end) - this.#at;
      if (length > LONGEST_LINE) return this.#fail('a reply line is too long');
      if (end === -1) return this.#forgetTaken();
      const reply = this.#line(this.#at, end);
      this.#at = end + 1;
      if (reply) return reply;
    }
    return this.#problem;
  }

  /** A few bytes that stay until more come, minutes perhaps, hold up the 64 KB that were asked of the system to read them. */
  #forgetTaken(): undefined {
    if (!this.isEmpty) return;
    this.#bytes = NOTHING;
    this.#at = 0;
  }

  /** One line, LF at `end`. The reply if it ends here. */
  #line(start: number, end: number): Reply | ProtocolProblem | undefined {
    const code = codeAt(this.#bytes, start);
    const separator = this.#bytes[start + 3];
    const isLast = separator === SPACE || separator === CR || start + 3 === end;
    if (code === 0 || start + 3 > end || !(isLast || separator === HYPHEN)) return this.#fail('not an SMTP reply');
    if (this.#texts.length > 0 && code !== this.#code) return this.#fail('a reply changes its code midway');
    this.#length += end - start;
    if (this.#length > LONGEST_REPLY || this.#texts.length === MOST_LINES) return this.#fail('a reply is too long');
    this.#code = code;
    this.#text(start + 4 < end ? clean(this.#bytes.toString('utf8', start + 4, end)) : '');
    return isLast ? this.#finish() : undefined;
  }

  /** The first enhanced status counts; on the other lines it is dropped when it says the same. */
  #text(text: string): void {
    const enhanced = enhancedOf(this.#code, text);
    if (this.#enhanced === '') this.#enhanced = enhanced;
    const isRepeated = enhanced !== '' && enhanced === this.#enhanced;
    this.#texts.push(isRepeated ? text.slice(enhanced.length + 1) : text);
  }

  #finish(): Reply {
    const reply = { code: this.#code, enhanced: this.#enhanced, text: this.#texts.join('\n') };
    this.#texts = [];
    this.#enhanced = '';
    this.#length = 0;
    return reply;
  }

  #fail(problem: string): ProtocolProblem {
    this.#problem = { problem };
    this.#bytes = NOTHING;
    this.#at = 0;
    return this.#problem;
  }
}

/** Three digits, the first of them 2 to 5; 0 for anything else. */
function codeAt(bytes: Buffer, at: number): number {
  const [hundreds, tens, ones] = [digit(bytes[at]), digit(bytes[at + 1]), digit(bytes[at + 2])];
  if (hundreds < 2 || hundreds > 5 || tens < 0 || ones < 0) return 0;
  return hundreds * 100 + tens * 10 + ones;
}

const digit = (byte: number | undefined): number =>
  byte !== undefined && byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : -1;

/** Line ends, escapes and NUL would let a peer write lines of its own into our logs. */
const clean = (text: string): string => text.trimEnd().replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
