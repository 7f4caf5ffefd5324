/**
 * Decides what an attempt means for its recipient: the only place that says what is temporary.
 *
 * A positive reply is delivery. A negative one is final only if the peer said so about this message (RFC 5321 §4.2.1),
 * or if there is nobody to ask (no such domain, null MX) or our own rules forbid the try. A host that could not be
 * reached, or greeted us with a refusal, says nothing about the message. What nobody recognises is temporary.
 */
import type { Attempt } from '../attempt.ts';
import { isPermanent, isPositive } from '../reply.ts';

export type Verdict = 'delivered' | 'bounced' | 'later';

export function classify(attempt: Attempt): Verdict {
  if (attempt.stage === 'transaction' && isPositive(attempt.reply)) return 'delivered';
  if (attempt.stage === 'connect' || attempt.inDoubt) return 'later';
  return isPermanent(attempt.reply) ? 'bounced' : 'later';
}
