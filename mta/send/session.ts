/**
 * One greeted connection that carries transactions one after the other: the thin shell around `transaction.ts`.
 *
 * Promises: `send` always resolves, with a verdict per recipient, and never throws for what the peer does; the envelope
 * is one write, a message up to `ONE_WRITE` with its end is one more; a larger one goes block by block as the peer takes
 * it, and its end only after all of it was taken, so that a broken transfer is not in doubt. The end is the final dot, or
 * the last octets of a chunk. Whom BDAT does not work with is noted, and gets DATA on other connections.
 * Left to others: how many transactions and how long idle (the pool), what to send, greeting (`connect.ts`).
 */
import { strict as assert } from 'node:assert';
import type { Clock, Duration } from '#lib/run/clock.ts';
import type { Reply } from '../mail/reply.ts';
import type { Breach } from './breach.ts';
import type { Capabilities } from './capabilities.ts';
import { asChunk, asData, blocks, type Content, sizeOf } from './content.ts';
import type { Mail } from './envelope.ts';
import type { Lacks } from './lacks.ts';
import type { Timeouts } from './timeouts.ts';
import { type Aftermath, type Step, Transaction, type TransactionResult } from './transaction.ts';
import type { Wire } from './wire.ts';

/** About what a socket's send buffer takes at once. */
const ONE_WRITE = 64 * 1024;

const GIVEN_UP: Breach = { kind: 'closed', reason: 'we closed the connection' };

/** What is known about a connection once it is greeted. */
export interface SessionFacts {
  /** `mx1.example.net [192.0.2.1]:25`. */
  readonly host: string;
  /** The local address it left from. */
  readonly source: string;
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384`; absent in clear. */
  readonly tls?: string;
  /** The certificate is valid for the host; only meaningful with `tls`. */
  readonly isVerified: boolean;
  /** Why this session is in clear although the peer offered TLS. */
  readonly tlsProblem?: string;
  readonly capabilities: Capabilities;
}

export interface Session extends SessionFacts {
  /** False once it cannot carry another transaction: closed, broken, or the peer spoke unasked. */
  readonly isAlive: boolean;
  /** How many transactions have begun. */
  readonly transactions: number;
  /** A message is on its way: from the reply to DATA until its outcome. */
  readonly isPastData: boolean;
  /** One at a time. Rejects only for mail that is no mail (an address with a line end, a part without one). */
  /** `beforeDot` is asked, and waited for, before the final dot; if it rejects the transaction breaks and the dot is not sent. */
  send(mail: Mail, beforeDot?: BeforeDot): Promise<TransactionResult>;
  /** Says goodbye and resolves when the connection is gone; a transaction under way breaks. A second call is harmless. */
  quit(): Promise<void>;
}

/** Undefined: there is nothing to wait for. */
export type BeforeDot = () => Promise<unknown> | undefined;

interface Current {
  readonly beforeDot: BeforeDot | undefined;
  readonly transaction: Transaction;
  readonly content: Content;
  /** Monotonic: when the end of the message must have been written. */
  readonly dotDue: Duration;
  readonly resolve: (result: TransactionResult) => void;
}

export interface SessionSetup {
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  readonly lacks: Lacks;
}

export class SmtpSession implements Session {
  readonly host: string;
  readonly source: string;
  readonly tls?: string;
  readonly isVerified: boolean;
  readonly tlsProblem?: string;
  readonly capabilities: Capabilities;
  readonly #wire: Wire;
  readonly #setup: SessionSetup;
  #aftermath: Aftermath = 'clean';
  #transactions = 0;
  #current: Current | undefined;

  /** `wire` has been greeted and is quiet. */
  constructor(wire: Wire, facts: SessionFacts, setup: SessionSetup) {
    this.host = facts.host;
    this.source = facts.source;
    if (facts.tls !== undefined) this.tls = facts.tls;
    this.isVerified = facts.isVerified;
    if (facts.tlsProblem !== undefined) this.tlsProblem = facts.tlsProblem;
    this.capabilities = facts.capabilities;
    this.#wire = wire;
    this.#setup = setup;
  }

  get isAlive(): boolean {
    return this.#aftermath !== 'unusable' && (this.#current !== undefined || this.#wire.isQuiet);
  }

  get transactions(): number {
    return this.#transactions;
  }

  get isPastData(): boolean {
    const stage = this.#current?.transaction.stage;
    return stage === 'content' || stage === 'dot';
  }

  async send(mail: Mail, beforeDot?: BeforeDot): Promise<TransactionResult> {
    assert(!this.#current, 'a session carries one transaction at a time');
    const transaction = new Transaction(mail, this.capabilities, this.#aftermath === 'open');
    if (!this.isAlive) return transaction.broken({ kind: 'closed', reason: 'the connection was closed before' });
    const step = transaction.start();
    if (step.kind === 'done') return step.result;
    const content = transaction.isChunked ? asChunk(mail.content) : asData(mail.content);
    return new Promise((resolve) => this.#begin(step, { transaction, content, resolve, beforeDot }));
  }

  async quit(): Promise<void> {
    this.#aftermath = 'unusable';
    if (this.#current) this.#wire.break(GIVEN_UP);
    await this.#wire.quit(this.#setup.timeouts.quit);
  }

  #begin(step: Step, begun: Omit<Current, 'dotDue'>): void {
    this.#transactions += 1;
    const current = { ...begun, dotDue: this.#setup.clock.monotonic() + this.#setup.timeouts.beforeDot };
    this.#current = current;
    this.#wire.listen({
      heard: (reply: Reply) => this.#take(current.transaction.heard(reply), current),
      broke: (breach: Breach) => this.#end(current.transaction.broken(breach), 'unusable'),
    });
    this.#take(step, current);
  }

  #take(step: Step, current: Current): void {
    switch (step.kind) {
      case 'say':
        this.#await(current);
        return this.#wire.say(step.text);
      case 'listen':
        return this.#await(current);
      case 'content':
        return this.#sendContent(current);
      case 'done':
        return this.#end(step.result, step.aftermath);
    }
  }

  #await(current: Current): void {
    const limit = this.#setup.timeouts[current.transaction.stage];
    const isDot = current.transaction.stage === 'dot';
    this.#wire.expect(isDot ? limit : Math.min(limit, current.dotDue - this.#setup.clock.monotonic()));
  }

  /** Bytes behind the 354, or the last reply to RCPT, would be taken for the answer to a message that was never read. */
  #sendContent(current: Current): void {
    if (!this.#wire.isDrained)
      return this.#wire.break({ kind: 'protocol', reason: 'the receiver answered the message before it was sent' });
    const { parts, end } = current.content;
    if (sizeOf(parts) > ONE_WRITE) return this.#sendBlock(blocks(parts, ONE_WRITE), current);
    this.#handOver([...parts, end], current);
  }

  #sendBlock(rest: Iterator<Buffer, void>, current: Current): void {
    const next = rest.next();
    if (next.done) return this.#handOver([current.content.end], current);
    this.#await(current);
    this.#wire.sayBlock(next.value, () => this.#sendBlock(rest, current));
  }

  #handOver(last: readonly Buffer[], current: Current): void {
    const waiting = current.beforeDot?.();
    if (!waiting) return this.#sendDot(last, current);
    // The conversation may have broken meanwhile: then its transaction is over.
    waiting.then(
      () => this.#current === current && this.#sendDot(last, current),
      () => this.#current === current && this.#wire.break(GIVEN_UP),
    );
  }

  #sendDot(last: readonly Buffer[], current: Current): void {
    current.transaction.dotHandedOver();
    this.#await(current);
    this.#wire.sayAll(last);
  }

  #end(result: TransactionResult, aftermath: Aftermath): void {
    const current = this.#current;
    this.#current = undefined;
    if (current?.transaction.isChunked && isContentLost(result)) this.#setup.lacks.learn(this.host, 'CHUNKING');
    this.#aftermath = aftermath;
    this.#wire.listen(undefined);
    if (aftermath === 'unusable') this.#wire.break(GIVEN_UP);
    current?.resolve(result);
  }
}

/** The message began to go, and the peer had no word for it. */
const isContentLost = ({ verdicts }: TransactionResult): boolean =>
  verdicts.some(({ stage, own }) => own && (stage === 'content' || stage === 'dot'));
