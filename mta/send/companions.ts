/**
 * Which recipients of a message share a transaction, and which of them were too many for the receiver. Pure.
 *
 * One message, one envelope sender, one recipient domain (a lane has no other): receivers answer mixed domains with
 * deferrals. How many a receiver takes at a time it announces (RFC 9422) or says with 452, 4.5.3 or, as RFC 5321
 * §4.5.3.1.10 asks to read it, 552; who was too many has not failed and goes in the next transaction at once.
 */
import { askedByUs } from '../mail/dsn-request.ts';
import type { Lease } from '../queue/queue.ts';
import type { Mail } from './envelope.ts';
import type { TransactionResult, Verdict } from './transaction.ts';

/** As many as every receiver must take (RFC 5321 §4.5.3.1.8). */
export const MOST_TOGETHER = 100;

/** How many of the leases that follow `first` go with it, `most` with it at most. */
export function companions(
  first: Lease,
  following: readonly Lease[],
  most: number,
  senderOf: (lease: Lease) => string,
): number {
  const sender = senderOf(first);
  let count = 0;
  for (const lease of following) {
    if (count + 1 >= most || lease.message.id !== first.message.id || senderOf(lease) !== sender) break;
    count += 1;
  }
  return count;
}

/** The one message of `leases`, for all their recipients; with a return path of ours reports come to us. */
export function mailFor(leases: readonly [Lease, ...Lease[]], sender: string, signatures: Buffer): Mail {
  const { message } = leases[0];
  const { utf8, body, raw } = message;
  const dsn = message.dsn && sender !== message.sender ? askedByUs(message.dsn) : message.dsn;
  return {
    sender,
    recipients: leases.map((it) => it.recipient),
    body,
    ...(utf8 && { utf8 }),
    ...(dsn && { dsn: { ...dsn, recipients: leases.map(({ index }) => dsn.recipients[index] ?? {}) } }),
    content: [signatures, raw],
  };
}

/** Whether the recipient at `index` was one too many after others were taken. */
export function wasTooMany({ verdicts }: TransactionResult, index: number): boolean {
  const verdict = verdicts[index];
  return verdict !== undefined && isExcess(verdict) && verdicts.some((it, at) => at < index && it.stage !== 'rcpt');
}

const isExcess = ({ stage, reply, own }: Verdict): boolean =>
  stage === 'rcpt' && !own && (reply.code === 452 || reply.code === 552 || /^[45]\.5\.3$/.test(reply.enhanced ?? ''));
