/**
 * One socket: bytes into the conversation, replies out, TLS on the way, and a deadline for everything a peer can delay.
 *
 * Promises: one write per burst; a peer that does not read its replies, or sends on while the policy has the word, is not
 * read from; a reset never throws; `gone` resolves when the socket is closed and its timer with it. Who may connect
 * and how many is `listener.ts`; what is said is `conversation.ts`.
 */
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { type Clock, type Duration, seconds } from '#lib/run/clock.ts';
import { awaitHello } from './client-hello.ts';
import { Conversation, type ConversationContext, type ConversationOptions, type Waiting } from './conversation.ts';
import { Deadline } from '#lib/run/deadline.ts';

export interface SessionContext<Identity> extends ConversationContext<Identity> {
  readonly clock: Clock;
}

export interface SessionOptions extends Omit<ConversationOptions, 'canSecure'> {
  readonly implicitTls: boolean;
  /** The certificate to use now, asked at each handshake; absent when there is no TLS. */
  readonly secureContext: (() => SecureContext) | undefined;
}

export class Session<Identity> {
  readonly #context: SessionContext<Identity>;
  readonly #options: SessionOptions;
  readonly #goneNow = Promise.withResolvers<void>();
  /** Resolves once, never rejects. */
  readonly gone: Promise<void> = this.#goneNow.promise;
  readonly #deadline: Deadline;
  readonly #conversation: Conversation<Identity>;
  #socket: Socket;
  #isGreeted = false;
  #isGone = false;
  #isBlocked = false;
  #waiting: Waiting | undefined;
  #progress = 0;

  /** `socket` is fresh, and half-open is allowed. */
  constructor(socket: Socket, context: SessionContext<Identity>, options: SessionOptions) {
    this.#context = context;
    this.#options = options;
    this.#socket = socket;
    this.#deadline = new Deadline(context.clock, () => this.#late());
    const wire = {
      send: (text: string) => this.#send(text),
      secure: () => this.#secure((tls) => this.#conversation.secured(tls)),
      close: () => void this.#socket.end(),
      turned: () => this.#turned(),
    };
    const canSecure = options.secureContext !== undefined;
    this.#conversation = new Conversation(context, { ...options, canSecure }, wire);
  }

  start(): void {
    this.#socket.setNoDelay(true);
    this.#guard(this.#socket);
    if (this.#options.implicitTls) {
      this.#secure((tls) => this.#greet(tls));
      return;
    }
    this.#attach(this.#socket);
    this.#greet();
  }

  /** Finishes the open transaction, says 421 and closes. */
  drain(): void {
    if (this.#isGreeted) this.#conversation.drain();
    else this.destroy();
  }

  /** Whether a message is coming in, or waits to be accepted. */
  get isPastData(): boolean {
    return this.#conversation.isPastData;
  }

  /** Limits have become narrower: what is waited for must come as soon as if the wait began now. */
  hurry(): void {
    const waiting = this.#waiting ?? 'handshake';
    if (waiting !== 'policy') this.#deadline.shorten(this.#timeFor(waiting));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #greet(tls?: string): void {
    this.#isGreeted = true;
    this.#conversation.begin(tls);
  }

  /** An error is followed by 'close', and a peer that resets is nobody's fault. */
  #guard(socket: Socket): void {
    socket.on('error', ignore);
    socket.once('close', () => this.#closed());
  }

  #attach(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.once('end', () => this.#conversation.ended());
    socket.on('drain', () => {
      this.#isBlocked = false;
      this.#turned();
    });
  }

  #received(chunk: Buffer): void {
    // After the last word bytes are read and dropped: unread ones would make the kernel reset the connection, and
    // the peer might never see that word.
    if (this.#waiting === 'nothing') return;
    if (this.#waiting === 'policy') this.#socket.pause();
    if (this.#waiting === 'data') this.#extend(chunk.length);
    this.#conversation.receive(chunk);
  }

  #extend(bytes: number): void {
    const { dataTime, dataBytesPerSecond } = this.#context.limits();
    this.#deadline.extend(seconds(bytes / dataBytesPerSecond), dataTime);
  }

  #send(text: string): void {
    if (this.#isGone || this.#socket.write(text, 'latin1')) return;
    this.#isBlocked = true;
    this.#socket.pause();
  }

  #turned(): void {
    if (this.#isGone) return;
    const { waitingFor, progress } = this.#conversation;
    if (waitingFor !== this.#waiting || progress !== this.#progress) this.#expect(waitingFor);
    this.#waiting = waitingFor;
    this.#progress = progress;
    if (!this.#isBlocked && waitingFor !== 'policy' && this.#socket.isPaused()) this.#socket.resume();
  }

  #expect(waiting: Waiting): void {
    if (waiting === 'policy') this.#deadline.clear();
    else this.#deadline.set(this.#timeFor(waiting));
  }

  #timeFor(waiting: Exclude<Waiting, 'policy'>): Duration {
    const { commandTime, dataTime, handshakeTime, closingTime } = this.#context.limits();
    return { command: commandTime, data: dataTime, handshake: handshakeTime, nothing: closingTime }[waiting];
  }

  #late(): void {
    const canSpeak = this.#isGreeted && (this.#waiting === 'command' || this.#waiting === 'data') && !this.#isBlocked;
    if (canSpeak) this.#conversation.timedOut();
    else this.destroy();
  }

  /** Hands the socket to TLS: whatever of it is unread is part of the handshake, or breaks it. */
  #secure(then: (tls: string) => void): void {
    const secureContext = this.#certificate();
    if (!secureContext) return this.destroy();
    this.#deadline.set(this.#timeFor('handshake'));
    const plain = this.#socket;
    for (const event of ['data', 'end', 'drain']) plain.removeAllListeners(event);
    awaitHello(plain, () => this.#handshake(plain, secureContext, then));
  }

  #handshake(plain: Socket, secureContext: SecureContext, then: (tls: string) => void): void {
    const secured = new TLSSocket(plain, { isServer: true, secureContext });
    this.#socket = secured;
    this.#guard(secured);
    // Where a tls.Server would, TLSSocket alone neither destroys itself nor tells: Node leaves it to the owner.
    secured.on('_tlsError', () => secured.destroy());
    secured.once('secure', () => {
      secured.disableRenegotiation();
      this.#attach(secured);
      then(`${secured.getProtocol()} ${secured.getCipher().name}`);
    });
  }

  #certificate(): SecureContext | undefined {
    try {
      return this.#options.secureContext?.();
    } catch (error) {
      this.#context.observer.failed(this.#options.peer.listener, error);
      return undefined;
    }
  }

  #closed(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#socket.destroy();
    this.#deadline.stop();
    this.#conversation.abandon();
    this.#goneNow.resolve();
  }
}

function ignore(): void {
  // See `#guard`.
}
