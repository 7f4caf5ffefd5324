/**
 * Decides when a deferred recipient is tried again, or that it has expired.
 *
 * Pure. The wait doubles (or grows by `factor`) from `first` to at most `max`, and is spread: the same for all recipients of
 * a message, in whole seconds, so that who was deferred together goes together again, in one transaction.
 * The last try falls just before expiry, so that a message gets its whole life (RFC 5321 §4.5.4.1). Pauses of a whole
 * destination are `scheduler.ts`'s business.
 */
import { createHash } from 'node:crypto';
import { type Duration, hours, type Instant, minutes, seconds } from '#lib/run/clock.ts';
import type { MessageId } from '../mail/message.ts';

export interface RetryPolicy {
  /** Wait after the first attempt. */
  readonly first: Duration;
  readonly factor: number;
  /** No wait is longer, jitter apart. */
  readonly max: Duration;
}

export const DEFAULT_RETRY: RetryPolicy = { first: minutes(15), factor: 2, max: hours(4) };

/** Spreads retries of messages that was deferred together: each wait is between 80 % and 120 % of the rule. */
const JITTER = 0.2;
/** How long before expiry the last try is made: long enough for a connection and its timers to begin. */
const LAST_TRY_BEFORE: Duration = minutes(1);

/** Shorter waits are exact. */
const GRAIN: Duration = seconds(1);

/** Where in the spread a message's wait after an attempt lies: from 0 to 1, by its id. */
export const spreadOf = (message: MessageId, attempts: number): number =>
  createHash('sha256').update(`${message} ${attempts}`).digest().readUInt32BE() / 2 ** 32;

/**
 * When to try again after the `attempts`-th attempt (1 = the first) failed at `now`; undefined when that was the last.
 */
export function nextAttempt(
  attempts: number,
  now: Instant,
  expiresAt: Instant,
  policy: RetryPolicy,
  spread: number,
): Instant | undefined {
  const wait = Math.min(policy.first * policy.factor ** (attempts - 1), policy.max);
  const due = wholeSeconds(now, wait * (1 - JITTER + 2 * JITTER * spread));
  const lastTry = expiresAt - LAST_TRY_BEFORE;
  return now < lastTry ? Math.min(due, lastTry) : undefined;
}

const wholeSeconds = (now: Instant, wait: Duration): Instant =>
  wait < GRAIN ? Math.round(now + wait) : Math.ceil((now + wait) / GRAIN) * GRAIN;
