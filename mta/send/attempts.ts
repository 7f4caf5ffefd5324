/**
 * What a connection tells of each try: attempts made of replies, failures and verdicts. Pure.
 */
import type { Duration } from '#lib/run/clock.ts';
import type { Attempt } from '../mail/attempt.ts';
import type { Hold } from '../mail/firing.ts';
import { type Reply, reply, replyLine } from '../mail/reply.ts';
import type { ConnectFailure } from './connect.ts';
import type { End } from '../mail/turn.ts';
import type { Session } from './session.ts';
import type { TransactionResult } from './transaction.ts';

/** We say so, before anything was begun. */
export const ownAttempt = (why: Reply): Attempt => ({ stage: 'local', reply: why, own: true, inDoubt: false });

/** Held back for what receivers said of others. */
export const heldBack = ({ pause, why }: Hold): Attempt => ({
  ...ownAttempt(reply(451, '4.7.0', `held back by ${why}`)),
  pause,
});

/** The process ended while the receiver was asked to take the message. */
export const INTERRUPTED: Attempt = {
  stage: 'dot',
  reply: reply(451, '4.4.2', 'we stopped before the receiver said whether it has taken the message'),
  own: true,
  inDoubt: true,
};

/** The reason is the receiver's own where it is known: the sender will read it. */
export const tooLate = (trouble: string | undefined): Attempt =>
  ownAttempt(reply(451, '4.4.7', `its time ran out before it could be tried again${trouble ? `: ${trouble}` : ''}`));

/** Every host of the domain was asked. */
export const UTF8_UNOFFERED = ownAttempt(
  reply(553, '5.6.7', 'an address or the header is not ASCII and no mail host of the domain offers SMTPUTF8'),
);

export const HUNG_UP = reply(451, '4.4.2', 'the receiver closed the connection');

/** Some hosts have not said what they offer. */
export const utf8NotFound = (trouble: Reply): Attempt =>
  ownAttempt(reply(451, '4.4.1', `no mail host that offers SMTPUTF8 could be used: ${replyLine(trouble)}`));

export const connectAttempt = ({ stage, reply: said, own, target }: ConnectFailure, pause: Duration): Attempt => ({
  stage,
  reply: said,
  own,
  inDoubt: false,
  host: `${target.host} [${target.address}]:${target.port}`,
  pause,
});

/** What a transaction brought the recipient at `index`: refused at RCPT, it has nothing to do with how the rest went. */
export function transactionAttempt(
  { verdicts, failure }: TransactionResult,
  index: number,
  session: Session,
  took: Duration,
): Attempt {
  const verdict = verdicts[index];
  return {
    stage: verdict?.stage ?? 'mail',
    reply: verdict?.reply ?? reply(451, '4.5.0', 'the receiver said nothing of this recipient'),
    own: verdict?.own ?? true,
    inDoubt: failure?.inDoubt === true && verdict?.own === true,
    host: session.host,
    source: session.source,
    tls: session.tls,
    took,
  };
}

/** Whose failure it is that there is no session: our address's, the host's, or what they think of our address. */
export const END_OF: Readonly<Record<ConnectFailure['stage'], End>> = {
  bind: 'unplumbed',
  connect: 'unreachable',
  banner: 'refused',
  ehlo: 'refused',
  tls: 'refused',
};

/** A connection that has carried mail was closed before this message's MAIL was answered: no attempt was made at it. */
export const isLostBefore = ({ failure }: TransactionResult, session: Session): boolean =>
  session.transactions > 1 &&
  (failure?.kind === 'closed' || failure?.kind === 'io') &&
  (failure.stage === 'rset' || failure.stage === 'mail');

/** We closed the connection ourselves before there was anything to take. */
export const isCutBefore = ({ failure }: TransactionResult): boolean =>
  failure?.kind === 'closed' && !failure.inDoubt && failure.stage !== 'dot';
