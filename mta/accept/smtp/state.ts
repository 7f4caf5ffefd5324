/**
 * The words of the dialogue: its states, what goes in, what comes out. No decisions; those are in `dialogue.ts`.
 */
import type { Reply } from '#mta/mail/reply.ts';
import type { Exchange } from './auth.ts';
import type { DataLimits } from './data.ts';
import type { Frame } from './framing.ts';
import type { SmtpLimits } from './limits.ts';
import type { Envelope, SmtpPolicy, Subject } from './submission.ts';
import type { Command } from './verbs.ts';

export type RcptCommand = Extract<Command, { readonly verb: 'RCPT' }>;

export type Phase =
  /** Nothing said yet, or nothing since TLS began. */
  | { readonly kind: 'start' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'transaction'; readonly envelope: Envelope }
  /** The policy takes its time over a recipient. */
  | { readonly kind: 'checking'; readonly envelope: Envelope; readonly command: RcptCommand }
  | { readonly kind: 'receiving'; readonly envelope: Envelope }
  /** Bytes of BDAT are coming in. */
  | { readonly kind: 'chunk'; readonly envelope: Envelope; readonly size: number; readonly isLast: boolean }
  /** Between two chunks. */
  | { readonly kind: 'chunks'; readonly envelope: Envelope }
  /** Bytes of a BDAT that is refused are coming in; then the reply is said. */
  | { readonly kind: 'discarding'; readonly reply: Reply; readonly next: Phase }
  /** A chunk was refused: nothing comes of the transaction. */
  | { readonly kind: 'failed' }
  | { readonly kind: 'accepting' }
  | { readonly kind: 'exchange'; readonly exchange: Exchange }
  | { readonly kind: 'authenticating' }
  | { readonly kind: 'handshake' }
  | { readonly kind: 'closed' };

/** Whether MAIL was accepted, and neither the end of the message nor RSET has come. */
export const isInTransaction = ({ kind }: Phase): boolean =>
  kind === 'transaction' || kind === 'chunks' || kind === 'failed';

/** Whether bytes of a message are kept. */
export const holdsContent = ({ kind }: Phase): boolean =>
  kind === 'receiving' || kind === 'chunk' || kind === 'chunks' || kind === 'accepting';

/** Whether the bytes that come are no commands. */
export const isReceiving = ({ kind }: Phase): boolean =>
  kind === 'receiving' || kind === 'chunk' || kind === 'discarding';

export interface State<Identity> {
  readonly phase: Phase;
  readonly ehlo: string;
  readonly esmtp: boolean;
  readonly tls: string | undefined;
  /** Who the peer is: trusted by its network, or authenticated. */
  readonly identity: Identity | undefined;
  readonly authenticated: boolean;
  /** Since the last accepted message. */
  readonly errors: number;
  readonly junk: number;
  readonly loginFailures: number;
  /** Accepted on this connection. */
  readonly messages: number;
  /** No new transaction begins any more. */
  readonly draining: boolean;
}

export type Input<Identity> =
  | Exclude<Frame, { readonly kind: 'line' }>
  /** `hasMore`: bytes have come after it already. */
  | { readonly kind: 'line'; readonly line: Buffer; readonly hasMore: boolean }
  | { readonly kind: 'authenticated'; readonly identity: Identity }
  | { readonly kind: 'not-authenticated'; readonly because: 'wrong' | 'locked' | 'unavailable' }
  /** The policy's word on the recipient it was asked about. */
  | { readonly kind: 'checked'; readonly refusal: Reply | undefined }
  | { readonly kind: 'accepted'; readonly reply: Reply }
  | { readonly kind: 'secured'; readonly tls: string }
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'draining' }
  | { readonly kind: 'broken' };

/** What the shell does after the replies are on their way. */
export type Effect =
  | { readonly kind: 'receive' }
  | { readonly kind: 'receive-chunk'; readonly size: number; readonly isLast: boolean }
  | { readonly kind: 'discard'; readonly size: number }
  | { readonly kind: 'check'; readonly word: Promise<Reply | undefined> }
  | { readonly kind: 'accept'; readonly envelope: Envelope; readonly raw: Buffer }
  | { readonly kind: 'authenticate'; readonly username: string; readonly password: string }
  | { readonly kind: 'secure' }
  | { readonly kind: 'close' };

/** What one command does, before it is counted. */
export interface Answer<Identity> {
  readonly state: State<Identity>;
  /** Absent when the policy has the word, or bytes must come first. */
  readonly reply?: Reply;
  readonly effect?: Effect;
  readonly byPolicy?: boolean;
}

export interface Step<Identity> {
  readonly state: State<Identity>;
  readonly replies: readonly Reply[];
  readonly subject: Subject;
  readonly effect?: Effect;
}

/** What a dialogue goes by. The functions change nothing. */
export interface Rules<Identity> {
  readonly hostname: string;
  readonly limits: () => SmtpLimits;
  readonly policy: Pick<SmtpPolicy<Identity>, 'mail' | 'rcpt' | 'strangers' | 'frontBytes'>;
  /** The peer's identity by its network. */
  readonly trusted: Identity | undefined;
  /** AUTH is offered, and nothing goes without it unless the network is trusted. */
  readonly authRequired: boolean;
  /** There is a certificate to start TLS with. */
  readonly canSecure: boolean;
  /** Whether memory has room for another message. */
  readonly hasRoom: () => boolean;
}

/** The largest message of this peer; undefined when it may send none. */
export function largestMessage<I>(
  { authRequired, policy, limits }: Rules<I>,
  { identity }: State<I>,
): number | undefined {
  const { messageBytes } = limits();
  if (!authRequired || identity !== undefined) return messageBytes;
  return policy.strangers?.() === true ? messageBytes : undefined;
}

/** What holds for the message of the open transaction. */
export function limitsOfMail<I>({ limits, policy }: Rules<I>, { identity, phase }: State<I>): DataLimits {
  const recipients = 'envelope' in phase ? phase.envelope.recipients : [];
  const frontBytes = policy.frontBytes?.(identity, recipients);
  return frontBytes === undefined ? limits() : { ...limits(), frontBytes };
}

/** Where a peer is without a transaction. */
export const idle = <I>(state: State<I>): Phase => (state.ehlo === '' ? { kind: 'start' } : { kind: 'ready' });

export function openingState<Identity>(rules: Rules<Identity>, tls?: string): State<Identity> {
  return {
    phase: { kind: 'start' },
    ehlo: '',
    esmtp: false,
    tls,
    identity: rules.trusted,
    authenticated: false,
    errors: 0,
    junk: 0,
    loginFailures: 0,
    messages: 0,
    draining: false,
  };
}
