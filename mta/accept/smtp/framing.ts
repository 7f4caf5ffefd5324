/**
 * Bytes → frames: command lines, one message after `readData`, or chunks of one after `readChunk`. Knows nothing of
 * sockets or of what lines mean.
 *
 * A command line ends with CRLF. A line with a bare CR or LF, or without an end for too long, is told once as bad and
 * dropped up to the next CRLF, so that nothing hidden behind a bare LF is run as a command. The caller draws frames one
 * by one with `next` and says what comes after each: the same bytes mean other things after 354. However the bytes
 * are cut into chunks, the frames are the same. At most one chunk and one line wait here.
 */
import { DataReader, type DataLimits, type DataResult } from './data.ts';
import type { Hold } from '../memory.ts';

export type LineProblem = 'bare-newline' | 'long-line';
export type Frame =
  | { readonly kind: 'line'; readonly line: Buffer }
  | { readonly kind: 'bad-line'; readonly problem: LineProblem }
  /** A chunk was read, and more are to come. */
  | { readonly kind: 'chunk' }
  /** A chunk was read and thrown away. */
  | { readonly kind: 'discarded' }
  | DataResult;

/** The longest line of all: AUTH with its initial response (RFC 4954 §4). Shorter ones are checked by verb. */
export const LONGEST_LINE = 12_288;

const LF = 10;
const CR = 13;

/** A chunk on its way: without `content` its bytes go nowhere. */
interface Chunk {
  readonly content: DataReader | undefined;
  readonly isLast: boolean;
  left: number;
}

export class Framer {
  #waiting: Buffer = Buffer.alloc(0);
  /** Where in `#waiting` the next unread byte is, and from where on no LF was looked for. */
  #at = 0;
  #searched = 0;
  /** The rest of a bad line is being dropped. */
  #dropping = false;
  #data: DataReader | undefined;
  #chunk: Chunk | undefined;
  /** What the chunks so far make. */
  #content: DataReader | undefined;

  push(chunk: Buffer): void {
    this.#waiting =
      this.#at === this.#waiting.length ? chunk : Buffer.concat([this.#waiting.subarray(this.#at), chunk]);
    this.#searched -= this.#at;
    this.#at = 0;
  }

  /** Whether bytes have come that no frame has taken. */
  get hasMore(): boolean {
    return this.#at < this.#waiting.length;
  }

  /** What follows is a message. `hold` keeps its memory until the caller releases it. */
  readData(limits: DataLimits, hold: Hold): void {
    this.#data = new DataReader(limits, hold);
  }

  /**
   * What follows are `size` bytes of a message, the first ones unless `readChunk` was called before. The frame after them is
   * `chunk`, or the message with the last one; `bad-message` as soon as a chunk spoils it, and then it is forgotten.
   */
  readChunk(size: number, isLast: boolean, limits: DataLimits, hold: Hold): void {
    this.#content ??= new DataReader(limits, hold, 'finish');
    this.#chunk = { content: this.#content, isLast, left: size };
  }

  /** What follows are `size` bytes that mean nothing. */
  discard(size: number): void {
    this.#chunk = { content: undefined, isLast: false, left: size };
  }

  /** The message whose chunks were read will not be finished. */
  forget(): void {
    this.#content = undefined;
  }

  /** The next frame, or undefined until more bytes come. */
  next(): Frame | undefined {
    if (this.#data) return this.#nextData(this.#data);
    if (this.#chunk) return this.#nextChunk(this.#chunk);
    for (let frame = this.#nextLine(); frame !== 'more'; frame = this.#nextLine())
      if (frame !== 'dropped') return frame;
    return undefined;
  }

  #nextData(data: DataReader): Frame | undefined {
    this.#at = data.read(this.#waiting, this.#at);
    this.#searched = this.#at;
    const result = data.result();
    if (result) this.#data = undefined;
    return result;
  }

  #nextChunk(chunk: Chunk): Frame | undefined {
    const end = Math.min(this.#at + chunk.left, this.#waiting.length);
    chunk.content?.read(this.#waiting.subarray(0, end), this.#at);
    chunk.left -= end - this.#at;
    this.#at = end;
    this.#searched = end;
    if (chunk.left > 0) return undefined;
    this.#chunk = undefined;
    return chunk.content ? this.#endOfChunk(chunk.content, chunk.isLast) : { kind: 'discarded' };
  }

  #endOfChunk(content: DataReader, isLast: boolean): Frame {
    const { problem } = content;
    if (!isLast && !problem) return { kind: 'chunk' };
    this.#content = undefined;
    return problem && !isLast ? { kind: 'bad-message', problem } : content.finish();
  }

  #nextLine(): Frame | 'dropped' | 'more' {
    const end = this.#waiting.indexOf(LF, this.#searched);
    if (end < 0) return this.#unfinished();
    const start = this.#at;
    const closed = end > start && this.#waiting[end - 1] === CR;
    const dropped = this.#dropping;
    this.#at = end + 1;
    this.#searched = end + 1;
    this.#dropping = !closed;
    if (dropped) return 'dropped';
    if (end - start >= LONGEST_LINE) return badLine('long-line');
    if (!closed) return badLine('bare-newline');
    return lineOf(this.#waiting.subarray(start, end - 1));
  }

  #unfinished(): Frame | 'more' {
    const { length } = this.#waiting;
    this.#searched = length;
    if (length - this.#at < LONGEST_LINE) return 'more';
    const told = this.#dropping;
    this.#dropping = true;
    // A CR that came last is kept: the LF that makes it a line end may be next.
    this.#at = this.#waiting[length - 1] === CR ? length - 1 : length;
    return told ? 'more' : badLine('long-line');
  }
}

const badLine = (problem: LineProblem): Frame => ({ kind: 'bad-line', problem });

const lineOf = (line: Buffer): Frame => (line.includes(CR) ? badLine('bare-newline') : { kind: 'line', line });
