/**
 * Whom a failure is about: what pays for it, and what gets a rest. One pure function over what an attempt brought.
 *
 * A failure to get a session says nothing of the mail: it costs no attempt, and the site rests. What is said about the
 * sender or the content fails the message, what is said to RCPT that recipient alone. A conversation that broke, or that
 * the peer ended (421), is over whatever else was to follow on it. What no host of a domain offers (SMTPUTF8) is about the
 * message that needs it. A recipient too many (452, 552, 4.5.3 after others were taken) has not failed and does not come
 * here (`send/companions.ts`).
 */
import { type Attempt, isBeforeSession } from './attempt.ts';

export type Scope = 'recipient' | 'message' | 'connection' | 'host' | 'site' | 'source';

export interface Blame {
  readonly scope: Scope;
  /** It was an attempt at the mail: the next wait is longer for it. */
  readonly counts: boolean;
  /** The site may be away: if nothing else has gone well on the connection, it rests. */
  readonly strikes: boolean;
}

export type Failure = Pick<Attempt, 'stage' | 'reply' | 'own' | 'inDoubt' | 'pause'>;

export function scopeOf({ stage, reply, own, inDoubt, pause }: Failure): Blame {
  if (stage === 'bind') return { scope: 'source', counts: false, strikes: true };
  if (isBeforeSession(stage)) return { scope: 'host', counts: false, strikes: true };
  if (stage === 'resolve') return ofDomain(reply.code >= 500);
  // With a pause it was held back, for what others were told.
  if (stage === 'local') return { scope: 'message', counts: pause === undefined, strikes: false };
  if (inDoubt || reply.code === 421 || (own && reply.code < 500))
    return { scope: 'connection', counts: true, strikes: true };
  return { scope: stage === 'rcpt' ? 'recipient' : 'message', counts: true, strikes: false };
}

/** There is no such domain, for any mail; or DNS does not say, which is nobody's attempt. */
const ofDomain = (isFinal: boolean): Blame =>
  isFinal ? { scope: 'recipient', counts: true, strikes: false } : { scope: 'site', counts: false, strikes: true };
