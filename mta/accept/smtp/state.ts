/**
 * The words of the dialogue: its states, what goes in, what comes out. No decisions; those are in `dialogue.ts`.
 */
import type { Reply } from '#mta/reply.ts';
import type { Exchange } from './auth.ts';
import type { Frame } from './framing.ts';
import type { SmtpLimits } from './limits.ts';
import type { Envelope, SmtpPolicy, Subject } from './submission.ts';

export type Phase =
  /** Nothing said yet, or nothing since TLS began. */
  | { readonly kind: 'start' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'transaction'; readonly envelope: Envelope }
  | { readonly kind: 'receiving'; readonly envelope: Envelope }
  | { readonly kind: 'accepting' }
  | { readonly kind: 'exchange'; readonly exchange: Exchange }
  | { readonly kind: 'authenticating' }
  | { readonly kind: 'handshake' }
  | { readonly kind: 'closed' };

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
  /** No new transaction begins any more. */
  readonly draining: boolean;
}

export type Input<Identity> =
  | Exclude<Frame, { readonly kind: 'line' }>
  /** `hasMore`: bytes have come after it already. */
  | { readonly kind: 'line'; readonly line: Buffer; readonly hasMore: boolean }
  | { readonly kind: 'authenticated'; readonly identity: Identity }
  | { readonly kind: 'not-authenticated'; readonly because: 'wrong' | 'unavailable' }
  | { readonly kind: 'accepted'; readonly reply: Reply }
  | { readonly kind: 'secured'; readonly tls: string }
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'draining' }
  | { readonly kind: 'broken' };

/** What the shell does after the replies are on their way. */
export type Effect =
  | { readonly kind: 'receive' }
  | { readonly kind: 'accept'; readonly envelope: Envelope; readonly raw: Buffer }
  | { readonly kind: 'authenticate'; readonly username: string; readonly password: string }
  | { readonly kind: 'secure' }
  | { readonly kind: 'close' };

export interface Step<Identity> {
  readonly state: State<Identity>;
  readonly replies: readonly Reply[];
  readonly subject: Subject;
  readonly effect?: Effect;
}

/** What a dialogue goes by. The functions answer at once and change nothing. */
export interface Rules<Identity> {
  readonly hostname: string;
  readonly limits: SmtpLimits;
  readonly policy: Pick<SmtpPolicy<Identity>, 'mail' | 'rcpt'>;
  /** The peer's identity by its network. */
  readonly trusted: Identity | undefined;
  /** AUTH is offered, and nothing goes without it unless the network is trusted. */
  readonly authRequired: boolean;
  /** There is a certificate to start TLS with. */
  readonly canSecure: boolean;
  /** Whether memory has room for another message. */
  readonly hasRoom: () => boolean;
}

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
    draining: false,
  };
}
