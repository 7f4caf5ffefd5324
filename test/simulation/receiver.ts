/**
 * One connection at a simulated receiver: SMTP as far as a sender needs it, answered as the site's temper says.
 *
 * Tells the site of every recipient that is tried and of every message that is kept; whether the sender has heard of it is
 * told when the reply arrives.
 */
import type { Chance } from './chance.ts';
import type { Line, Peer } from './network.ts';
import { type Answer, answerOf, type At, type Temper, thinkingOf } from './tempers.ts';

/** A site, as its connections see it. */
export interface Host {
  readonly chance: Chance;
  readonly temper: Temper;
  /** It takes commands that come together. */
  readonly pipelines: boolean;
  /** A recipient is tried; false: greylisted. */
  tried(recipient: string): boolean;
  /** A message is kept for recipients. What it answers is called when the sender has heard of it. */
  took(content: string, recipients: readonly string[]): () => void;
}

const END = '\r\n.\r\n';
/** Recipients of a transaction, where few are taken together. */
const FEW = 2;
const GREYLISTED: Answer = { kind: 'reply', text: '450 4.2.0 greylisted, come back' };
const TOO_MANY: Answer = { kind: 'reply', text: '452 4.5.3 too many recipients' };
const NOBODY: Answer = { kind: 'reply', text: '554 5.5.1 no valid recipients' };
const NO_MAIL: Answer = { kind: 'reply', text: '503 5.5.1 MAIL first' };

export class Reception implements Peer {
  readonly #host: Host;
  readonly #line: Line;
  #text = '';
  #recipients: string[] = [];
  #hasMail = false;
  #isContent = false;
  #isOver = false;

  constructor(host: Host, line: Line) {
    this.#host = host;
    this.#line = line;
    this.#answer(this.#decide('banner'));
  }

  heard(text: string): void {
    this.#text += text;
    while (!this.#isOver && (this.#isContent ? this.#content() : this.#command()));
  }

  left(): void {
    this.#isOver = true;
  }

  /** Whether there may be more. */
  #command(): boolean {
    const end = this.#text.indexOf('\r\n');
    if (end < 0) return false;
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 2);
    this.#obey(line.slice(0, 4).toUpperCase(), line);
    return true;
  }

  #content(): boolean {
    const isEmpty = this.#text.startsWith('.\r\n');
    const end = isEmpty ? 0 : this.#text.indexOf(END);
    if (end < 0) return false;
    const content = this.#text.slice(0, end);
    this.#text = this.#text.slice(isEmpty ? 3 : end + END.length);
    this.#isContent = false;
    this.#end(content);
    return true;
  }

  #obey(verb: string, line: string): void {
    if (verb === 'EHLO') return this.#answer({ kind: 'reply', text: this.#greeting });
    if (verb === 'MAIL') return this.#mail();
    if (verb === 'RCPT') return this.#rcpt(/<(.*?)>/.exec(line)?.[1] ?? '');
    if (verb === 'DATA') return this.#data();
    if (verb === 'RSET') return this.#reset();
    if (verb === 'QUIT') return this.#answer({ kind: 'reply', text: '221 2.0.0 bye', closes: true });
    this.#answer({ kind: 'reply', text: '502 5.5.1 what?' });
  }

  get #greeting(): string {
    const offered = ['mx.test', ...(this.#host.pipelines ? ['PIPELINING'] : []), '8BITMIME', 'SIZE 10000000'];
    return offered.map((it, at) => `250${at < offered.length - 1 ? '-' : ' '}${it}`).join('\r\n');
  }

  #mail(): void {
    const answer = this.#decide('mail');
    this.#hasMail = isGood(answer);
    this.#recipients = [];
    this.#answer(answer);
  }

  #rcpt(recipient: string): void {
    if (!this.#hasMail) return this.#answer(NO_MAIL);
    const isFew = this.#host.temper === 'takes few together' && this.#recipients.length >= FEW;
    const isKnown = this.#host.tried(recipient);
    const answer = isFew ? TOO_MANY : isKnown ? this.#decide('rcpt') : GREYLISTED;
    if (isGood(answer)) this.#recipients.push(recipient);
    this.#answer(answer);
  }

  #data(): void {
    if (this.#recipients.length === 0) return this.#answer(NOBODY);
    this.#isContent = true;
    this.#answer(this.#decide('data'));
  }

  #reset(): void {
    this.#hasMail = false;
    this.#recipients = [];
    this.#answer({ kind: 'reply', text: '250 2.0.0 ok' });
  }

  #end(content: string): void {
    const answer = this.#decide('dot');
    const recipients = this.#recipients;
    this.#hasMail = false;
    this.#recipients = [];
    const isTaken = isGood(answer) || ('taken' in answer && answer.taken);
    this.#answer(answer, isTaken ? this.#host.took(content, recipients) : undefined);
  }

  #decide(at: At): Answer {
    return answerOf(this.#host.temper, at, this.#host.chance);
  }

  /** `heard` only counts for a reply that says that it is kept. */
  #answer(answer: Answer, heard?: () => void): void {
    const thinking = thinkingOf(this.#host.temper, this.#host.chance);
    if (answer.kind === 'reply') this.#line.say(`${answer.text}\r\n`, thinking, heard);
    const isLast = answer.kind === 'closed' || (answer.kind === 'reply' && answer.closes);
    if (isLast) this.#line.close(thinking);
    if (answer.kind !== 'reply' || answer.closes) this.#isOver = true;
  }
}

const isGood = (answer: Answer): boolean => answer.kind === 'reply' && answer.text.startsWith('2');
