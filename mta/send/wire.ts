/**
 * A socket as a conversation: text out, replies in, one deadline, one end.
 *
 * Promises: replies reach the listener in order, without a promise each; the first thing that goes wrong (garbage, close,
 * error, deadline, a reply nobody asked for) breaks the wire, destroys the socket and is told once. Never throws.
 * Left to others: which reply answers what (`transaction.ts`, `greet.ts`).
 */
import type { Socket } from 'node:net';
import type { Clock, Duration } from '#lib/run/clock.ts';
import { codeOf } from '#lib/run/fault.ts';
import type { Reply } from '../mail/reply.ts';
import type { Breach } from './breach.ts';
import { Deadline } from '#lib/run/deadline.ts';
import { isProblem, ReplyReader } from './reply-reader.ts';

export interface WireListener {
  heard(reply: Reply): void;
  /** Nothing comes after this. */
  broke(breach: Breach): void;
}

const CLOSED: Breach = { kind: 'closed', reason: 'the receiver closed the connection' };
const LATE: Breach = { kind: 'timeout', reason: 'the receiver did not answer in time' };
const RELEASED: Breach = { kind: 'closed', reason: 'the connection was handed to TLS' };
const UNASKED: Breach = { kind: 'protocol', reason: 'the receiver spoke without being asked' };

export class Wire {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #reader = new ReplyReader();
  readonly #deadline: Deadline;
  readonly #gone = Promise.withResolvers<void>();
  #listener: WireListener | undefined;
  #breach: Breach | undefined;
  #isLeaving = false;

  /** `socket` is connected; the wire owns it from here. */
  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#deadline = new Deadline(clock, () => this.break(LATE));
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('end', () => this.break(CLOSED));
    socket.on('error', (error) => this.break({ kind: 'io', reason: `the connection failed (${codeOf(error)})` }));
    socket.on('close', () => {
      this.break(CLOSED);
      this.#gone.resolve();
    });
  }

  /** Unbroken, and the peer has said nothing that was not taken. */
  get isQuiet(): boolean {
    return !this.#breach && this.#reader.isIdle;
  }

  /** No byte is here beyond the reply being handled. */
  get isDrained(): boolean {
    return this.#reader.isEmpty;
  }

  /** From now on replies and the end go to `listener`; without one, whatever the peer says breaks the wire. */
  listen(listener: WireListener | undefined): void {
    this.#listener = listener;
    if (!listener) this.#deadline.clear();
  }

  /** The listener must hear a reply within `limit`. */
  expect(limit: Duration): void {
    this.#deadline.set(limit);
  }

  say(text: string): void {
    if (!this.#breach) this.#socket.write(text);
  }

  /** Several buffers in one write. */
  sayAll(parts: readonly Buffer[]): void {
    if (this.#breach) return;
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
  }

  /** Calls `taken` when the system has taken `block`; never, when the wire breaks before. */
  sayBlock(block: Buffer, taken: () => void): void {
    this.#socket.write(block, (error) => {
      if (!error && !this.#breach) taken();
    });
  }

  /** One command and its reply. Without a command: the reply that comes by itself. */
  async exchange(command: string, limit: Duration): Promise<Reply | Breach> {
    if (this.#breach) return this.#breach;
    return new Promise((resolve) => {
      const end = (outcome: Reply | Breach): void => {
        this.listen(undefined);
        resolve(outcome);
      };
      this.listen({ heard: end, broke: end });
      this.expect(limit);
      if (command) this.say(`${command}\r\n`);
    });
  }

  /** Ends the conversation. The listener is told, if there is one. */
  break(breach: Breach): void {
    if (this.#breach) return;
    this.#breach = breach;
    this.#deadline.stop();
    this.#socket.destroy();
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.broke(breach);
  }

  /** Says QUIT and waits for the peer to close, `limit` at most. Nobody may be waiting for a reply. */
  async quit(limit: Duration): Promise<void> {
    if (this.#breach) return;
    if (!this.#isLeaving) this.#leave(limit);
    await this.#gone.promise;
  }

  /** Gives the socket up, for TLS to take it over. The wire hears nothing more, its own listeners find it broken. */
  release(): Socket {
    this.#breach = RELEASED;
    this.#deadline.stop();
    return this.#socket;
  }

  #leave(limit: Duration): void {
    this.#isLeaving = true;
    const timer = this.#clock.after(limit, () => this.break(LATE));
    this.listen({ heard: () => this.break(CLOSED), broke: () => timer.cancel() });
    this.#socket.end('QUIT\r\n');
  }

  #received(chunk: Buffer): void {
    if (!this.#breach) this.#reader.feed(chunk);
    while (!this.#breach) {
      const item = this.#reader.take();
      if (!item) return;
      if (isProblem(item)) this.break({ kind: 'protocol', reason: item.problem });
      else if (this.#listener) this.#listener.heard(item);
      else this.break(UNASKED);
    }
  }
}
