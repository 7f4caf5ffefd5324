/**
 * The bytes after 354, or those of BDAT's chunks → one message, or the one reason why it is refused.
 *
 * After 354 only CRLF "." CRLF ends the data (RFC 5321 §4.1.1.4), and transparency dots are removed. Chunks are counted by
 * the caller, and a dot in them is a dot (RFC 3030). A bare CR or LF never ends a line: it spoils the message, which is
 * then read to its true end and refused, so that what follows a false end is never taken for commands (SMTP smuggling).
 * Reasons are ranked, not timed: how the network cut the bytes changes nothing.
 * A refused message is read on at flat memory. Of one that is only taken back (`frontBytes`) the front is kept, as it came,
 * and the rest is read on in the same way: nothing in it but a lack of memory refuses it, and its end is no other.
 * Deciding the reply is left to the dialogue.
 */
import type { Hold } from '../memory.ts';
import type { SmtpLimits } from './limits.ts';
import { TextScan } from './text-scan.ts';

/** Why a message is refused, the least important first: the last that applies is told. */
const PROBLEMS = ['no-room', 'long-line', 'large-header', 'too-large', 'nul', 'bare-newline'] as const;
export type DataProblem = (typeof PROBLEMS)[number];

export interface DataLimits extends Pick<SmtpLimits, 'messageBytes' | 'headerBytes' | 'headerFields'> {
  /** So much is kept of the message, whatever it is; absent: all of it, or a refusal. */
  readonly frontBytes?: number | undefined;
}
export type DataResult =
  | { readonly kind: 'message'; readonly raw: Buffer }
  | { readonly kind: 'bad-message'; readonly problem: DataProblem };

const NUL = 0;
const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const DOT = 46;

/** RFC 5321 §4.5.3.1.6 without the CRLF. */
const LINE_LIMIT = 998;
const SECOND_CAPACITY = 16 * 1024;
const NOTHING = Buffer.alloc(0);
const LINE_END = Buffer.from('\r\n');
const LONE_CR = Buffer.from('\r');

/** What the bytes so far end with: the start of a line, text, CR, a dot at the start of a line, that dot and CR, the end. */
const START = 0;
const TEXT = 1;
const AFTER_CR = 2;
const AFTER_DOT = 3;
const AFTER_DOT_CR = 4;
const DONE = 5;

export class DataReader {
  readonly #limits: DataLimits;
  readonly #hold: Hold;
  readonly #isDotted: boolean;
  #state = START;
  #chunk: Buffer = NOTHING;
  #scan = new TextScan(NOTHING);
  /** Where in the chunk the part not yet stored begins. */
  #from = 0;
  /** Where in the chunk the line begins; negative when it began in an earlier one. */
  #lineStart = 0;
  #inHeader = true;
  #fields = 0;
  #size = 0;
  #body: Buffer = NOTHING;
  #rank = -1;

  /** `ending`: what ends the message, a line with a dot or a call of `finish`. */
  constructor(limits: DataLimits, hold: Hold, ending: 'dot' | 'finish' = 'dot') {
    this.#limits = limits;
    this.#hold = hold;
    this.#isDotted = ending === 'dot';
  }

  /** Reads `chunk` from `at`; returns where it stopped: at the end of the chunk, or right after the end of the data. */
  read(chunk: Buffer, at: number): number {
    this.#enter(chunk, at);
    let next = at;
    while (next < chunk.length && this.#state !== DONE) {
      if (this.#state === TEXT) next = this.#scan.end(next);
      if (next < chunk.length) this.#take(chunk[next] as number, next);
      next += 1;
    }
    next = Math.min(next, chunk.length);
    this.#leave(next);
    return next;
  }

  /** The message once its end was read; undefined before. */
  result(): DataResult | undefined {
    return this.#state === DONE ? this.#verdict() : undefined;
  }

  /**
   * Ends a message that no dot ends. Where the last line has no end it gets one, within the size limit, as if the peer had
   * sent it: chunks may end anywhere, and a queued message ends with CRLF. A CR alone is no half of a line end.
   */
  finish(): DataResult {
    if (this.#state === AFTER_CR) this.#spoil('bare-newline');
    else if (this.#state === TEXT) this.read(LINE_END, 0);
    return this.#verdict();
  }

  /** Why the message is refused already, whatever may come. */
  get problem(): DataProblem | undefined {
    return PROBLEMS[this.#rank];
  }

  #verdict(): DataResult {
    const { problem } = this;
    return problem ? { kind: 'bad-message', problem } : { kind: 'message', raw: this.#body.subarray(0, this.#size) };
  }

  #enter(chunk: Buffer, at: number): void {
    this.#lineStart += at;
    this.#chunk = chunk;
    this.#scan = new TextScan(chunk);
    this.#from = at;
  }

  #leave(end: number): void {
    if (this.#state === DONE) {
      this.#checkSizes();
      return;
    }
    // A CR after a lone dot is part of the end of data, or else a bare one: it is never content.
    this.#store(this.#state === AFTER_DOT_CR ? end - 1 : end);
    this.#checkSizes();
    if (end - this.#lineStart > LINE_LIMIT + 1) this.#spoil('long-line');
    this.#lineStart -= end;
  }

  #take(byte: number, at: number): void {
    switch (this.#state) {
      case START:
        this.#beginLine(byte, at);
        break;
      case AFTER_CR:
        if (byte === LF) this.#endLine(at);
        else this.#bare(byte, at);
        break;
      case AFTER_DOT:
        if (byte === CR) this.#state = AFTER_DOT_CR;
        else this.#text(byte, at);
        break;
      case AFTER_DOT_CR:
        if (byte === LF) this.#state = DONE;
        else this.#bareAfterDot(byte, at);
        break;
      default:
        this.#text(byte, at);
    }
  }

  #beginLine(byte: number, at: number): void {
    if (this.#inHeader && byte !== SPACE && byte !== TAB && byte !== CR) this.#countField();
    if (byte !== DOT || !this.#isDotted) {
      this.#text(byte, at);
      return;
    }
    this.#store(at);
    this.#from = at + 1;
    this.#lineStart = at + 1;
    this.#state = AFTER_DOT;
  }

  #endLine(at: number): void {
    this.#state = START;
    if (this.#inHeader && at - 1 === this.#lineStart) this.#endHeader(this.#size + at + 1 - this.#from);
    this.#lineStart = at + 1;
  }

  #text(byte: number, at: number): void {
    this.#state = TEXT;
    if (byte > CR) return;
    if (byte === CR) {
      this.#state = AFTER_CR;
      if (at - this.#lineStart > LINE_LIMIT) this.#spoil('long-line');
    } else if (byte === LF) this.#spoil('bare-newline');
    else if (byte === NUL) this.#spoil('nul');
  }

  #bare(byte: number, at: number): void {
    this.#spoil('bare-newline');
    this.#text(byte, at);
  }

  /** The CR that might have been part of the end is content after all; it was not stored if it ended a chunk. */
  #bareAfterDot(byte: number, at: number): void {
    if (this.#from === at) this.#keep(LONE_CR, 0, 1);
    this.#bare(byte, at);
  }

  #countField(): void {
    this.#fields += 1;
    if (this.#fields > this.#limits.headerFields) this.#spoil('large-header');
  }

  #endHeader(size: number): void {
    if (size > this.#limits.headerBytes) this.#spoil('large-header');
    this.#inHeader = false;
  }

  #checkSizes(): void {
    if (this.#size > this.#limits.messageBytes) this.#spoil('too-large');
    if (this.#inHeader && this.#size > this.#limits.headerBytes) this.#spoil('large-header');
  }

  #store(end: number): void {
    this.#keep(this.#chunk, this.#from, end);
  }

  /** Keeps what lies between `from` and `end`, or only counts it when the message, or the rest of it, is lost already. */
  #keep(chunk: Buffer, from: number, end: number): void {
    const length = end - from;
    if (length <= 0) return;
    const { messageBytes, frontBytes = messageBytes } = this.#limits;
    if (this.#rank < 0 && this.#size + length > messageBytes) this.#spoil('too-large');
    const kept = Math.min(length, frontBytes - this.#size);
    if (this.#rank < 0 && kept > 0 && !this.#reserve(this.#size + kept, frontBytes)) this.#spoil('no-room');
    if (this.#rank < 0 && kept > 0) chunk.copy(this.#body, this.#size, from, from + kept);
    this.#size += length;
  }

  #reserve(size: number, most: number): boolean {
    if (size <= this.#body.length) return true;
    // The first part is often the whole message, so it gets what it needs; later ones double.
    const wanted = this.#body.length === 0 ? size : Math.max(size, 2 * this.#body.length, SECOND_CAPACITY);
    const capacity = Math.min(wanted, most);
    if (!this.#hold.resize(capacity)) return false;
    const larger = Buffer.allocUnsafeSlow(capacity);
    this.#body.copy(larger, 0, 0, this.#size);
    this.#body = larger;
    return true;
  }

  #spoil(problem: DataProblem): void {
    if (this.#limits.frontBytes !== undefined && problem !== 'no-room') return;
    const rank = PROBLEMS.indexOf(problem);
    if (rank <= this.#rank) return;
    this.#rank = rank;
    this.#body = NOTHING;
    this.#hold.release();
  }
}
