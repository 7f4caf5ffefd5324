/**
 * What a connection tells of each try: attempts made of replies, failures and verdicts. Pure.
 */
import type { Duration } from '#lib/run/clock.ts';
import type { Attempt } from '../attempt.ts';
import { type Reply, reply } from '../reply.ts';
import type { ConnectFailure } from './connect.ts';
import type { Session } from './session.ts';
import type { TransactionResult } from './transaction.ts';

export const ownAttempt = (why: Reply): Attempt => ({ stage: 'local', reply: why, own: true, inDoubt: false });

/** The reason is the receiver's own where it is known: the sender will read it. */
export const tooLate = (trouble: string | undefined): Attempt =>
  ownAttempt(reply(451, '4.4.7', `its time ran out before it could be tried again${trouble ? `: ${trouble}` : ''}`));

export const connectAttempt = ({ stage, reply: said, own, target }: ConnectFailure, pause: Duration): Attempt => ({
  stage,
  reply: said,
  own,
  inDoubt: false,
  host: `${target.host} [${target.address}]:${target.port}`,
  pause,
});

/** One recipient per transaction: the first verdict is the verdict. */
export function transactionAttempt(result: TransactionResult, session: Session, took: Duration): Attempt {
  const [verdict] = result.verdicts;
  return {
    stage: verdict?.stage ?? 'mail',
    reply: verdict?.reply ?? reply(451, '4.5.0', 'the receiver said nothing of this recipient'),
    own: verdict?.own ?? true,
    inDoubt: result.failure?.inDoubt ?? false,
    host: session.host,
    source: session.source,
    tls: session.tls,
    took,
  };
}
