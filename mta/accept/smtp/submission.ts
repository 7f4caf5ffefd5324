/**
 * PORT: what the SMTP engine asks of whoever uses it. The engine speaks the protocol; a policy says who may send what.
 *
 * The engine promises a policy: addresses are canonical and have a domain, an envelope has at least one recipient,
 * `accept` is called once per complete message and never for one that was cut, too large or badly framed.
 * `trust`, `mail` and `rcpt` are asked between two bytes of a connection: they answer at once and do no I/O, except that
 * `rcpt` may answer a promise. Until it resolves nothing more is read of that connection, so it is for the few.
 * The same recipient may be named twice: whether that means two copies is the policy's business.
 */
import type { DsnRequest } from '#mta/mail/dsn-request.ts';
import type { BodyType } from '#mta/mail/message.ts';
import type { Reply } from '#mta/mail/reply.ts';
import type { Sharers } from '../memory.ts';

/** The other end of a connection, as far as it is known at the moment of asking. */
export interface Peer {
  /** `192.0.2.1` or `2001:db8::1`; never an IPv4 address written as IPv6. Behind a load balancer, what its header says. */
  readonly address: string;
  readonly port: number;
  /** Name of the listener it came in by. */
  readonly listener: string;
  /** Version and cipher, `TLSv1.3 TLS_AES_256_GCM_SHA384`; absent in clear. */
  readonly tls: string | undefined;
  /** What it called itself; `''` before EHLO. Not verified. */
  readonly ehlo: string;
  /** Whether it said EHLO rather than HELO. */
  readonly esmtp: boolean;
}

/** RFC 5321 §3.3. `sender` is `''` for the null reverse-path. */
export interface Envelope {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly body: BodyType;
  /** MAIL said SMTPUTF8. Without it the addresses are ASCII. */
  readonly smtpUtf8?: true;
  /** What the sender asks about reports; absent: nothing. */
  readonly dsn?: DsnRequest;
}

export type Login<Identity> =
  | { readonly kind: 'identity'; readonly identity: Identity }
  /** Name or password (535), too many guesses (421 and the end), too much to do (454). */
  | { readonly kind: 'wrong' | 'locked' | 'busy' };

export interface SmtpPolicy<Identity> {
  /** Identity of a peer trusted by its network, without AUTH. Asked once, when the connection opens, before any TLS. */
  trust(peer: Peer): Identity | undefined;
  /**
   * Who this is, or what is wrong. A rejection means that nobody can tell (454). It takes as long for an unknown name as
   * for a wrong password.
   */
  authenticate(peer: Peer, username: string, password: string): Promise<Login<Identity>>;
  /** For whom memory is held while a message of theirs comes in; see `../memory.ts`. */
  sharers(identity: Identity): Sharers;
  /** Refuses a sender; undefined goes on. */
  mail(identity: Identity | undefined, sender: string): Reply | undefined;
  /**
   * Refuses a recipient; undefined goes on. A rejection is answered 451. `others` were taken before, in this
   * transaction.
   */
  rcpt(
    identity: Identity | undefined,
    sender: string,
    recipient: string,
    others: readonly string[],
  ): Reply | undefined | Promise<Reply | undefined>;
  /**
   * Asked where nothing goes without AUTH, when a peer without an identity says MAIL: whether it may go on, to whomever
   * `rcpt` then takes. False, or absent: it may send nothing, and is told to authenticate.
   */
  strangers?(): boolean;
  /**
   * Asked before a message comes in: of mail that goes no further the first bytes may be enough. So many are kept then, as
   * they came: `raw` may hold bare line ends and lines of any length, and need not end with one. Undefined, or absent: the
   * whole message is canonical, or refused.
   */
  frontBytes?(identity: Identity | undefined, recipients: readonly string[]): number | undefined;
  /**
   * Everything is read. Resolves to the final reply, and a positive one means durably queued; a rejection is
   * answered 451. `raw` is canonical unless `frontBytes` cut it: CRLF line ends only, no transparency dots, ends with CRLF, or is empty. It belongs
   * to the policy from here on. The engine sets no time limit: RFC 5321 §4.5.3.2.6 gives the peer ten minutes.
   */
  accept(identity: Identity | undefined, peer: Peer, envelope: Envelope, raw: Buffer): Promise<Reply>;
}

/** What a reply was about: a bounded set, fit for a metric's label. */
export type Subject =
  | 'connection'
  | 'EHLO'
  | 'HELO'
  | 'STARTTLS'
  | 'AUTH'
  | 'MAIL'
  | 'RCPT'
  | 'DATA'
  | 'BDAT'
  | 'message'
  | 'RSET'
  | 'NOOP'
  | 'VRFY'
  | 'HELP'
  | 'QUIT'
  | 'unknown';

/** Told of what happens, for metrics and logs. Must not throw. */
export interface SmtpObserver {
  /** A connection was taken. */
  opened(listener: string): void;
  /** A connection that was `opened` is gone. */
  closed(listener: string): void;
  /** A connection was turned away before it was opened. */
  turnedAway(listener: string, because: 'too-many-connections' | 'too-many-from-address' | 'no-proxy-header'): void;
  /** One reply was given. Both labels are bounded: a code is one of those in use. */
  replied(listener: string, subject: Subject, code: number): void;
  /** A call of the policy threw or rejected; the peer was told 4xx. */
  failed(listener: string, error: unknown): void;
}
