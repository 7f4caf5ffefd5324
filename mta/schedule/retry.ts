/**
 * Decides when a deferred recipient is tried again, or that it has expired.
 *
 * Pure but for the jitter drawn from `random`. The wait doubles (or grows by `factor`) from `first` to at most `max`.
 * The last try falls just before expiry, so that a message gets its whole life (RFC 5321 §4.5.4.1). Pauses of a whole
 * destination are `scheduler.ts`'s business.
 */
import { type Duration, hours, type Instant, minutes } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';

export interface RetryPolicy {
  /** Wait after the first attempt. */
  readonly first: Duration;
  readonly factor: number;
  /** No wait is longer, jitter apart. */
  readonly max: Duration;
}

export const DEFAULT_RETRY: RetryPolicy = { first: minutes(15), factor: 2, max: hours(4) };

/** Spreads retries of mail that was deferred together: each wait is between 80 % and 120 % of the rule. */
const JITTER = 0.2;
/** How long before expiry the last try is made: long enough for a connection and its timers to begin. */
const LAST_TRY_BEFORE: Duration = minutes(1);

/**
 * When to try again after the `attempts`-th attempt (1 = the first) failed at `now`; undefined when that was the last.
 */
export function nextAttempt(
  attempts: number,
  now: Instant,
  expiresAt: Instant,
  policy: RetryPolicy,
  random: Random,
): Instant | undefined {
  const wait = Math.min(policy.first * policy.factor ** (attempts - 1), policy.max);
  const due = Math.round(now + wait * (1 - JITTER + 2 * JITTER * random.fraction()));
  const lastTry = expiresAt - LAST_TRY_BEFORE;
  if (due <= lastTry) return due;
  return now < lastTry ? lastTry : undefined;
}
