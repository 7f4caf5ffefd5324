/**
 * One client's socket: bytes into the dialogue, answers out, TLS before it, and then bytes to and from the receiver.
 *
 * Promises: each state has its time, which no slow byte extends; while the machine binds or connects the client is not
 * read from; how it ended is told once; `gone` resolves when both sockets are closed, and nothing is left behind.
 */
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { type Clock, type Duration, minutes, seconds } from '#lib/run/clock.ts';
import { Deadline } from '#lib/run/deadline.ts';
import {
  type Attempted,
  BEGINNING,
  bound,
  connected,
  type DialogueRules,
  type Effect,
  ended,
  hear,
  type State,
  type Step,
  takesFrames,
} from './dialogue.ts';
import type { Outcome } from './outcome.ts';
import { bind, connectFrom, TIMED_OUT } from './plumbing.ts';
import { relay } from './relay.ts';

export interface EgressTimes {
  readonly handshake: Duration;
  /** From one answer until the next frame is whole. */
  readonly frame: Duration;
  readonly connect: Duration;
  /** Of both sides of a connection. Longer than the longest wait of a sender, which is for the reply to a final dot. */
  readonly silence: Duration;
  /** The same when one side has said its last. */
  readonly afterEnd: Duration;
  /** How long a refused client has to read why. */
  readonly goodbye: Duration;
}

export const egressTimes: EgressTimes = {
  handshake: seconds(10),
  frame: seconds(10),
  connect: seconds(25),
  silence: minutes(15),
  afterEnd: minutes(2),
  goodbye: seconds(2),
};

/** What watches. Must not throw. */
export interface EgressObserver {
  /** `asked`: from where to where, if that was said. */
  ended(outcome: Outcome, client: string, asked?: string): void;
  relayed(toReceiver: number, fromReceiver: number): void;
}

export interface EgressContext {
  readonly clock: Clock;
  readonly times: EgressTimes;
  readonly rules: () => DialogueRules;
  readonly observer: EgressObserver;
}

const NOTHING = Buffer.alloc(0);
const ignore = (): void => undefined;

export class EgressSession {
  readonly #goneNow = Promise.withResolvers<void>();
  /** Resolves once, never rejects. */
  readonly gone: Promise<void> = this.#goneNow.promise;
  readonly #context: EgressContext;
  readonly #client: string;
  readonly #deadline: Deadline;
  #socket: Socket;
  #peer: Socket | undefined;
  #state: State = BEGINNING;
  #pending: Buffer = NOTHING;
  #isSecuring = false;
  #isTold = false;
  #isGone = false;

  /** `socket` is fresh, and half-open is allowed. With a `secureContext` it is to begin with TLS. */
  constructor(socket: Socket, client: string, context: EgressContext, secureContext: SecureContext | undefined) {
    this.#context = context;
    this.#client = client;
    this.#socket = socket;
    this.#deadline = new Deadline(context.clock, () => this.#late());
    socket.setNoDelay(true);
    this.#guard(socket);
    if (secureContext) this.#secure(socket, secureContext);
    else this.#listen();
  }

  /** Whether bytes are handed on. */
  get isRelaying(): boolean {
    return this.#state.phase === 'relaying';
  }

  destroy(): void {
    this.#peer?.destroy();
    this.#socket.destroy();
  }

  /** An error is followed by 'close', and a client that resets is nobody's fault. */
  #guard(socket: Socket): void {
    socket.on('error', ignore);
    socket.once('close', () => this.#closed());
  }

  #secure(plain: Socket, secureContext: SecureContext): void {
    const secure = new TLSSocket(plain, { isServer: true, secureContext });
    this.#isSecuring = true;
    this.#socket = secure;
    this.#deadline.set(this.#context.times.handshake);
    this.#guard(secure);
    // Where a tls.Server would, TLSSocket alone does not destroy itself.
    secure.on('_tlsError', () => secure.destroy());
    secure.once('secure', () => {
      this.#isSecuring = false;
      secure.disableRenegotiation();
      this.#listen();
    });
  }

  #listen(): void {
    this.#deadline.set(this.#context.times.frame);
    this.#socket.on('data', this.#heard);
    this.#socket.once('end', this.#left);
  }

  readonly #heard = (chunk: Buffer): void => {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#read();
  };

  /** The client says no more, and has not come to a connection. */
  readonly #left = (): void => this.#take(ended('gone'));

  #read(): void {
    while (takesFrames(this.#state) && this.#pending.length > 0) {
      const step = hear(this.#context.rules(), this.#state, this.#pending);
      if (step.used === 0 && !step.effect) return;
      this.#pending = this.#pending.subarray(step.used);
      this.#take(step);
    }
  }

  #take({ state, answer, effect }: Step): void {
    if (this.#state.phase === 'closed') return;
    this.#state = state;
    if (answer) this.#socket.write(answer);
    if (effect) this.#perform(effect);
    else this.#deadline.set(this.#context.times.frame);
  }

  #perform(effect: Effect): void {
    const { times } = this.#context;
    switch (effect.kind) {
      case 'bind':
        this.#wait(times.frame);
        return void bind(effect.from).then((attempted) => this.#attempted(bound, attempted));
      case 'connect':
        this.#wait(times.connect);
        this.#peer = connectFrom(effect.from, effect.to, (attempted) => this.#attempted(connected, attempted));
        return undefined;
      case 'relay':
        return this.#relay();
      default:
        this.#tell(effect.outcome, effect.asked);
        return this.#leave();
    }
  }

  /** What the client still says is read and dropped: unread bytes would reset the connection before it reads the answer. */
  #leave(): void {
    this.#peer?.destroy();
    this.#socket.off('data', this.#heard).resume();
    this.#socket.end();
    this.#deadline.set(this.#context.times.goodbye);
  }

  #wait(limit: Duration): void {
    this.#socket.pause();
    this.#deadline.set(limit);
  }

  #attempted(then: (state: State, attempted: Attempted) => Step, attempted: Attempted): void {
    if (this.#isGone) return;
    this.#take(then(this.#state, attempted));
    if (!takesFrames(this.#state)) return;
    this.#socket.resume();
    this.#read();
  }

  #relay(): void {
    const { clock, times, observer } = this.#context;
    const [socket, peer, early] = [this.#socket, this.#peer, this.#pending];
    if (!peer) return;
    this.#tell('connected');
    this.#deadline.stop();
    this.#pending = NOTHING;
    socket.off('data', this.#heard).off('end', this.#left);
    if (early.length > 0) peer.write(early);
    const over = (there: number, back: number): void => {
      observer.relayed(there + early.length, back);
      this.#goneNow.resolve();
    };
    relay(socket, peer, { clock, ...times, over });
  }

  #late(): void {
    if (this.#isSecuring || this.#state.phase === 'closed') this.destroy();
    else if (this.#state.phase === 'connecting') this.#attempted(connected, TIMED_OUT);
    else this.#take(ended('late'));
  }

  /** While bytes are handed on, the relay sees to the peer, and says when both are closed. */
  #closed(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#deadline.stop();
    this.#socket.destroy();
    this.#tell(this.#isSecuring ? 'tls' : 'gone');
    if (this.isRelaying) return;
    this.#peer?.destroy();
    this.#goneNow.resolve();
  }

  #tell(outcome: Outcome, asked?: string): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#context.observer.ended(outcome, this.#client, asked);
  }
}
