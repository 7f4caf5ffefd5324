/**
 * One connection's conversation: framing, dialogue and policy put together, without a socket or a timer.
 *
 * Promises: everything said in answer to one burst of bytes goes out in one `send`; while the policy has the word
 * nothing more is read; memory held for a message is given back when it is answered, refused or abandoned; an error
 * of the policy becomes a 4xx reply and an observation, never an exception. Sockets, TLS and time are `session.ts`.
 */
import { type Reply, formatReply, reply } from '#mta/mail/reply.ts';
import type { Hold, ReceivingMemory, Sharers } from '../memory.ts';
import { networkOf } from '#lib/address/network.ts';
import { Asking } from './asking.ts';
import { advance, takesFrames } from './dialogue.ts';
import { Framer } from './framing.ts';
import type { SmtpLimits } from './limits.ts';
import {
  type Effect,
  type Input,
  type Rules,
  type State,
  holdsContent,
  isReceiving,
  limitsOfMail,
  openingState,
} from './state.ts';
import type { Peer, SmtpObserver, SmtpPolicy, Subject } from './submission.ts';

/** What all conversations of a server share. */
export interface ConversationContext<Identity> {
  readonly hostname: string;
  readonly policy: SmtpPolicy<Identity>;
  /** Asked each time: they change with the resources and with how much there is to do. */
  readonly limits: () => SmtpLimits;
  readonly memory: ReceivingMemory;
  readonly observer: SmtpObserver;
}

/** What tells one conversation from another. */
export interface ConversationOptions {
  readonly peer: Pick<Peer, 'address' | 'port' | 'listener'>;
  readonly authRequired: boolean;
  readonly canSecure: boolean;
  /** The peer's network is known: errors and commands without mail do not end the connection. */
  readonly isFamiliar: boolean;
}

/** The way out. */
export interface Wire {
  /** Latin-1 text of whole replies. */
  send(text: string): void;
  /** Start TLS as a server, then call `secured`. */
  secure(): void;
  /** Nothing more will be said; let what was sent arrive. */
  close(): void;
  /** What the conversation waits for may have changed. */
  turned(): void;
}

export type Waiting = 'command' | 'data' | 'policy' | 'handshake' | 'nothing';

export class Conversation<Identity> {
  readonly #context: ConversationContext<Identity>;
  readonly #options: ConversationOptions;
  readonly #wire: Wire;
  readonly #asking: Asking<Identity>;
  readonly #rules: Rules<Identity>;
  readonly #hold: Hold;
  #framer = new Framer();
  #state: State<Identity>;
  #out = '';
  #ended = false;
  #frames = 0;

  constructor(context: ConversationContext<Identity>, options: ConversationOptions, wire: Wire) {
    this.#context = context;
    this.#options = options;
    this.#wire = wire;
    this.#asking = new Asking(context.policy, context.observer, options.peer.listener);
    this.#hold = context.memory.hold(() => this.#sharers());
    const hasRoom = (): boolean => context.memory.hasRoom(this.#sharers());
    this.#rules = rulesOf(context, options, this.#asking.trust(options.peer), hasRoom);
    this.#state = openingState(this.#rules);
  }

  /** Says the greeting; `tls` when TLS came before it. */
  begin(tls?: string): void {
    if (tls !== undefined) this.#feed({ kind: 'secured', tls });
    this.#say('connection', reply(220, '', `${this.#context.hostname} ESMTP Postfleet`));
    this.#pump();
  }

  receive(chunk: Buffer): void {
    this.#framer.push(chunk);
    this.#pump();
  }

  /** TLS is on; what was sent in clear and not yet read is gone. */
  secured(tls: string): void {
    this.#framer = new Framer();
    this.#feed({ kind: 'secured', tls });
    this.#pump();
  }

  /** The peer has sent its last byte; what it sent is still answered. */
  ended(): void {
    this.#ended = true;
    this.#pump();
  }

  timedOut(): void {
    this.#feed({ kind: 'timed-out' });
    this.#pump();
  }

  /** Finishes the transaction that is open, then says 421. */
  drain(): void {
    this.#feed({ kind: 'draining' });
    this.#pump();
  }

  /** The peer is gone. The policy may still be at work; its answer is dropped. */
  abandon(): void {
    this.#state = { ...this.#state, phase: { kind: 'closed' } };
    this.#forget();
  }

  get waitingFor(): Waiting {
    const { phase } = this.#state;
    const { kind } = phase;
    if (kind === 'closed') return 'nothing';
    if (isReceiving(phase)) return 'data';
    if (kind === 'handshake') return 'handshake';
    return takesFrames(this.#state) ? 'command' : 'policy';
  }

  /** Whether a message is coming in, or waits to be accepted. */
  get isPastData(): boolean {
    return holdsContent(this.#state.phase);
  }

  /** Frames taken so far: whether the peer has got anywhere since. */
  get progress(): number {
    return this.#frames;
  }

  #pump(): void {
    while (takesFrames(this.#state)) {
      const frame = this.#framer.next();
      if (!frame) break;
      this.#frames += 1;
      this.#feed(frame.kind === 'line' ? { ...frame, hasMore: this.#framer.hasMore } : frame);
    }
    if (this.#ended && takesFrames(this.#state)) this.#close();
    this.#flush();
    this.#wire.turned();
  }

  #feed(input: Input<Identity>): void {
    const step = this.#advance(input);
    this.#state = step.state;
    for (const said of step.replies) this.#say(step.subject, said);
    if (!holdsContent(step.state.phase)) this.#forget();
    if (step.effect) this.#perform(step.effect);
  }

  /** `mail` and `rcpt` of the policy are called within: what they throw ends the connection, not the process. */
  #advance(input: Input<Identity>): ReturnType<typeof advance<Identity>> {
    try {
      return advance(this.#rules, this.#state, input);
    } catch (error) {
      this.#context.observer.failed(this.#options.peer.listener, error);
      return advance(this.#rules, this.#state, { kind: 'broken' });
    }
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'receive':
        this.#framer.readData(limitsOfMail(this.#rules, this.#state), this.#hold);
        break;
      case 'receive-chunk':
        this.#framer.readChunk(effect.size, effect.isLast, limitsOfMail(this.#rules, this.#state), this.#hold);
        break;
      case 'discard':
        this.#framer.discard(effect.size);
        break;
      case 'check':
        this.#ask(this.#asking.check(effect.word));
        break;
      case 'accept':
        this.#ask(this.#asking.accept(this.#state.identity, this.#peer(), effect.envelope, effect.raw));
        break;
      case 'authenticate':
        this.#ask(this.#asking.authenticate(this.#peer(), effect.username, effect.password));
        break;
      case 'secure':
        this.#flush();
        this.#wire.secure();
        break;
      case 'close':
        this.#close();
    }
  }

  #forget(): void {
    this.#framer.forget();
    this.#hold.release();
  }

  #close(): void {
    this.#flush();
    this.abandon();
    this.#wire.close();
  }

  /** `answer` never rejects. */
  #ask(answer: Promise<Input<Identity>>): void {
    void answer.then((input) => {
      this.#feed(input);
      this.#pump();
    });
  }

  /** A stranger shares with his network. */
  #sharers(): Sharers {
    const { identity } = this.#state;
    if (identity !== undefined) return this.#context.policy.sharers(identity);
    return [`network ${networkOf(this.#options.peer.address)}`];
  }

  #peer(): Peer {
    const { tls, ehlo, esmtp } = this.#state;
    return { ...this.#options.peer, tls, ehlo, esmtp };
  }

  #say(subject: Subject, said: Reply): void {
    this.#out += formatReply(UNPRINTABLE.test(said.text) ? { ...said, text: printable(said.text) } : said);
    this.#context.observer.replied(this.#options.peer.listener, subject, said.code);
  }

  #flush(): void {
    if (this.#out === '') return;
    const text = this.#out;
    this.#out = '';
    this.#wire.send(text);
  }
}

/** A policy may repeat what a peer said: nothing in it may look like another reply. */
const UNPRINTABLE = /[^\n -~]/;
const printable = (text: string): string => text.replaceAll(new RegExp(UNPRINTABLE, 'g'), '?');

function rulesOf<I>(
  { hostname, policy, limits: limitsNow }: ConversationContext<I>,
  { authRequired, canSecure, isFamiliar }: ConversationOptions,
  trusted: I | undefined,
  hasRoom: () => boolean,
): Rules<I> {
  const limits = isFamiliar ? () => forFamiliar(limitsNow()) : limitsNow;
  return { hostname, limits, policy, trusted, authRequired, canSecure, hasRoom };
}

const forFamiliar = (limits: SmtpLimits): SmtpLimits => ({ ...limits, errors: Infinity, junk: Infinity });
