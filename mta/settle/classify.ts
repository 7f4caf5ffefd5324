/**
 * Decides what an attempt means for its recipient: the only place that says what is temporary.
 *
 * A positive reply in a transaction is delivery. Everything else has a meaning (`rules/meaning.ts`): a class, a rule that
 * says so, an outcome. While nobody knows whether the peer took the message, nothing is final.
 */
import { type Attempt, isInTransaction } from '../mail/attempt.ts';
import { isPositive } from '../mail/reply.ts';
import { type Meaning, meaningOf } from './rules/meaning.ts';
import type { Rule } from './rules/rule.ts';

export type Verdict = { readonly kind: 'delivered' } | { readonly kind: 'failed'; readonly meaning: Meaning };

/** `attempts`: made so far, this one included; `rulesOf`: in the order they are tried, asked for only when needed. */
export function classify(attempt: Attempt, attempts: number, rulesOf: () => readonly Rule[]): Verdict {
  if (isInTransaction(attempt.stage) && isPositive(attempt.reply) && !attempt.inDoubt) return { kind: 'delivered' };
  const meaning = meaningOf(attempt, attempts, rulesOf());
  return { kind: 'failed', meaning: attempt.inDoubt ? { ...meaning, outcome: 'later', action: 'retry' } : meaning };
}
