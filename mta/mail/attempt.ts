/**
 * What one try at one recipient brought: whose words, how far it got, over which connection. No I/O.
 *
 * Made by `send/`, judged by `settle/`.
 */
import type { Duration, Instant } from '#lib/run/clock.ts';
import type { Reply } from './reply.ts';

/**
 * What the reply answers, in the order mail travels. `resolve`: no host to go to. `local`: it was never begun, for a
 * reason of ours. `bind` to `tls`: no session, to any host. From `rset` on the peer was asked to take this message;
 * `content` is the message on its way, `dot` the reply to it.
 */
export type Stage =
  | 'resolve'
  | 'local'
  | 'bind'
  | 'connect'
  | 'banner'
  | 'ehlo'
  | 'tls'
  | 'rset'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'content'
  | 'dot';

const BEFORE_ANY_SESSION: ReadonlySet<Stage> = new Set(['bind', 'connect', 'banner', 'ehlo', 'tls']);
const OUR_OWN: ReadonlySet<Stage> = new Set(['resolve', 'local']);

/** No session came about: nobody was asked to take anything. */
export const isBeforeSession = (stage: Stage): boolean => BEFORE_ANY_SESSION.has(stage);

/** The peer was asked to take this message. */
export const isInTransaction = (stage: Stage): boolean => !BEFORE_ANY_SESSION.has(stage) && !OUR_OWN.has(stage);

/** A step on the way to a session, with when it began and what it took. */
export interface OpeningStep {
  readonly stage: 'resolve' | 'connect' | 'greet' | 'tls';
  readonly at: Instant;
  readonly took: Duration;
}

export interface Attempt {
  readonly stage: Stage;
  /** The peer's reply, or one of ours when the peer gave none (`own`). */
  readonly reply: Reply;
  readonly own: boolean;
  /** The final dot may have been seen, and no reply to it was: the peer may have the message (RFC 1047). */
  readonly inDoubt: boolean;
  /** The peer was asked for a report of success, and gives one (RFC 3461 §5.2.2). */
  readonly peerReports?: boolean | undefined;
  /** `mx1.example.net [192.0.2.1]:25` */
  readonly host?: string | undefined;
  /** Address the connection left from. */
  readonly source?: string | undefined;
  /** Name of the source that has it. */
  readonly from?: string;
  readonly tls?: string | undefined;
  readonly took?: Duration | undefined;
  /** Where attempts are traced, of the first that a connection carries: what opening it took. */
  readonly opening?: readonly OpeningStep[];
  /** For what was no attempt at the mail: how long it is until there may be one. */
  readonly pause?: Duration;
}
