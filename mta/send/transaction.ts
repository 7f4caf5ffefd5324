/**
 * One mail transaction as the client sees it: MAIL, RCPT for each, DATA, the message, its final reply. A pure state
 * machine: replies go in, steps come out; with PIPELINING (RFC 2920) the envelope is one write, without it one command
 * at a time. With CHUNKING (RFC 3030) there is no DATA: once a recipient is accepted the message goes as one chunk, and
 * the last octet of it is what the final dot is (docs/decisions/0023).
 *
 * Promises: exactly one verdict per recipient, whatever the peer does; what the peer did not say is marked `own`, and
 * is temporary unless the peer announced the limit that is passed; `inDoubt` exactly when the final dot may have
 * reached the peer and no reply to it was read; a peer that does not know the BDAT it announced has refused nothing.
 * Left to others: bytes, time and the connection (`session.ts`); what a reply means for a recipient (`settle/`).
 */
import { isPositive, reply as ownReply, replyLine, type Reply } from '../mail/reply.ts';
import { type Breach, type BreachKind, breachReply } from './breach.ts';
import type { Capabilities } from './capabilities.ts';
import { type Mail, mailCommand, rcptCommand, refusalOf } from './envelope.ts';

/** What a transaction waits for. `content` is the message on its way, `dot` the reply to it. */
export type Stage = 'rset' | 'mail' | 'rcpt' | 'data' | 'content' | 'dot';

/** What was said about one recipient, and where. */
export interface Verdict {
  readonly reply: Reply;
  readonly stage: Stage;
  /** We say so, not the peer. */
  readonly own: boolean;
}

export interface Failure {
  readonly stage: Stage;
  readonly kind: BreachKind;
  /** The peer may have taken the message: trying again may deliver it twice. */
  readonly inDoubt: boolean;
}

export interface TransactionResult {
  /** One per recipient, in the order of `Mail.recipients`. */
  readonly verdicts: readonly Verdict[];
  /** Set when the conversation broke. A refusal, 421 included, is no failure. */
  readonly failure?: Failure;
}

/** How a transaction leaves its session: MAIL may follow, RSET must come first, or nothing may follow. */
export type Aftermath = 'clean' | 'open' | 'unusable';

/** What to do next: write and listen, listen only, write message and dot (then `dotHandedOver`), or nothing more. */
export type Step =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'listen' }
  | { readonly kind: 'content' }
  | { readonly kind: 'done'; readonly result: TransactionResult; readonly aftermath: Aftermath };

const RSET = 'RSET\r\n';
const DATA = 'DATA\r\n';
const LISTEN: Step = { kind: 'listen' };
const say = (text: string): Step => ({ kind: 'say', text });

export class Transaction {
  static readonly #answers: Readonly<Record<Stage, (it: Transaction, reply: Reply) => Step>> = {
    rset: (it, reply) => it.#heardRset(reply),
    mail: (it, reply) => it.#heardMail(reply),
    rcpt: (it, reply) => it.#heardRcpt(reply),
    data: (it, reply) => it.#heardData(reply),
    content: (it, reply) => it.#heardEarly(reply),
    dot: (it, reply) => it.#heardEnd(reply),
  };
  readonly #mail: Mail;
  readonly #peer: Capabilities;
  readonly #verdicts: (Verdict | undefined)[];
  #stage: Stage;
  /** The peer has a reverse-path that only the end of data or RSET clears. */
  #isOpen: boolean;
  /** MAIL, RCPT for each, DATA if it is said: made at the start, so that what cannot be a command shows before anything is said. */
  #commands: readonly string[] = [];
  #isMailAccepted = false;
  #rcptReplies = 0;
  #accepted = 0;

  /** `isOpen`: the transaction before it left the session `open`. */
  constructor(mail: Mail, peer: Capabilities, isOpen: boolean) {
    this.#mail = mail;
    this.#peer = peer;
    this.#verdicts = Array.from({ length: mail.recipients.length });
    this.#isOpen = isOpen;
    this.#stage = isOpen ? 'rset' : 'mail';
  }

  /** The message goes as a chunk. */
  get isChunked(): boolean {
    return this.#peer.chunking;
  }

  /** What the next reply answers. */
  get stage(): Stage {
    return this.#stage;
  }

  start(): Step {
    const refusal = refusalOf(this.#mail, this.#peer);
    if (refusal) return this.#done(this.#aftermath, this.#fill(refusal, true));
    const rcpts = this.#mail.recipients.map((_, index) => rcptCommand(this.#mail, this.#peer, index));
    this.#commands = [mailCommand(this.#mail, this.#peer), ...rcpts, ...(this.isChunked ? [] : [DATA])];
    const rset = this.#isOpen ? RSET : '';
    if (this.#peer.pipelining) return say(rset + this.#commands.join(''));
    return say(rset || this.#command(0));
  }

  heard(reply: Reply): Step {
    if (reply.code === 421) return this.#done('unusable', this.#fill(reply));
    if (isIntermediate(reply) && this.#stage !== 'data') return this.#misplaced(reply);
    return Transaction.#answers[this.#stage](this, reply);
  }

  /** The final dot has been given to the connection: from now on it may have arrived. */
  dotHandedOver(): void {
    this.#stage = 'dot';
  }

  /** The conversation broke; no more steps. */
  broken(breach: Breach): TransactionResult {
    const inDoubt = this.#stage === 'dot' && this.#accepted > 0;
    const failure: Failure = { stage: this.#stage, kind: breach.kind, inDoubt };
    return { verdicts: this.#fill(breachReply(breach), true), failure };
  }

  #heardRset(reply: Reply): Step {
    if (!isPositive(reply)) return this.#misplaced(reply);
    this.#isOpen = false;
    return this.#next('mail', 0);
  }

  /** A pipelining peer answers the rest too, and may even say 354. */
  #heardMail(reply: Reply): Step {
    this.#isMailAccepted = isPositive(reply);
    this.#isOpen = this.#isMailAccepted;
    if (!this.#isMailAccepted) {
      this.#fill(reply);
      if (!this.#peer.pipelining) return this.#done('clean');
    }
    return this.#next('rcpt', 1);
  }

  #heardRcpt(reply: Reply): Step {
    if (isPositive(reply) && this.#isMailAccepted) this.#accepted += 1;
    else this.#verdicts[this.#rcptReplies] ??= { reply, stage: 'rcpt', own: false };
    this.#rcptReplies += 1;
    if (this.#rcptReplies < this.#mail.recipients.length) return this.#next('rcpt', 1 + this.#rcptReplies);
    const isDataSaid = this.#peer.pipelining && !this.isChunked;
    if (this.#accepted === 0 && !isDataSaid) return this.#done(this.#aftermath);
    return this.isChunked ? this.#content() : this.#next('data', 1 + this.#rcptReplies);
  }

  /** 354 for nobody is answered with an empty message, whose reply is nobody's (RFC 2920 §3.1). */
  #heardData(reply: Reply): Step {
    if (isPositive(reply) || (isIntermediate(reply) && reply.code !== 354)) return this.#misplaced(reply);
    if (reply.code !== 354) return this.#done(this.#aftermath, this.#fill(reply));
    if (this.#accepted === 0) {
      this.#stage = 'dot';
      return say('.\r\n');
    }
    return this.#content();
  }

  #content(): Step {
    this.#stage = 'content';
    return { kind: 'content' };
  }

  /** A refusal in the middle of the message counts; but the peer and we no longer agree on where we are. */
  #heardEarly(reply: Reply): Step {
    if (isPositive(reply)) return this.#misplaced(reply);
    return this.#isUnknown(reply) ? this.#unknownBdat(reply) : this.#done('unusable', this.#fill(reply));
  }

  /** After a chunk that failed the peer's state is only known after RSET (RFC 3030 §2). */
  #heardEnd(reply: Reply): Step {
    if (this.#isUnknown(reply)) return this.#unknownBdat(reply);
    const isFailed = this.isChunked && !isPositive(reply);
    return this.#done(isFailed ? 'open' : 'clean', this.#fill(reply));
  }

  /** 500 to 504 are about the command; with a status of another subject they are about the message. */
  #isUnknown({ code, enhanced }: Reply): boolean {
    return this.isChunked && code >= 500 && code <= 504 && (!enhanced || enhanced.startsWith('5.5.'));
  }

  /** It reads the message as commands, and answers them: nothing it says from here on is about mail. */
  #unknownBdat(reply: Reply): Step {
    const why = `the receiver announces CHUNKING and answers BDAT with ${replyLine(reply)}`;
    return this.#done('unusable', this.#fill(ownReply(451, '4.5.0', why), true));
  }

  #misplaced(reply: Reply): Step {
    const reason = `the receiver answered ${reply.code} where that has no meaning (${this.#stage})`;
    return { kind: 'done', result: this.broken({ kind: 'protocol', reason }), aftermath: 'unusable' };
  }

  /** With pipelining everything has been said. */
  #next(stage: Stage, command: number): Step {
    this.#stage = stage;
    return this.#peer.pipelining ? LISTEN : say(this.#command(command));
  }

  #command(index: number): string {
    return this.#commands[index] ?? '';
  }

  get #aftermath(): Aftermath {
    return this.#isOpen ? 'open' : 'clean';
  }

  /** Gives `reply` to all recipients that have no verdict. */
  #fill(reply: Reply, own = false): readonly Verdict[] {
    const verdict: Verdict = { reply, stage: this.#stage, own };
    this.#verdicts.forEach((given, index) => (this.#verdicts[index] = given ?? verdict));
    return this.#verdicts as readonly Verdict[];
  }

  #done(aftermath: Aftermath, verdicts = this.#verdicts as readonly Verdict[]): Step {
    return { kind: 'done', result: { verdicts }, aftermath };
  }
}

const isIntermediate = (reply: Reply): boolean => reply.code >= 300 && reply.code < 400;
