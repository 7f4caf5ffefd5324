/**
 * Whether the sender is owed a report of an outcome. Pure.
 */
import { type Duration, hours, type Instant } from '#lib/run/clock.ts';
import type { Attempt } from '../mail/attempt.ts';
import { wants } from '../mail/dsn-request.ts';
import { dueOf } from '../mail/message.ts';
import type { Outcome } from '../mail/outcome.ts';
import type { Lease } from '../queue/queue.ts';

/** When mail that waits is late (RFC 5321 §4.5.4.1 gives up after days; four hours are customary for a word in between). */
const LATE: Duration = hours(4);

/**
 * A sender by SMTP is told by mail of failures unless they asked not to be, and of success and delay if they asked; never
 * one without a return path (RFC 5321 §6.1). Who takes over a wish to hear of success tells of it (RFC 3461 §5.2.2).
 */
export function owesReport(
  { message, index }: Pick<Lease, 'message' | 'index'>,
  outcome: Outcome,
  attempt: Pick<Attempt, 'peerReports'>,
  now: Instant,
): boolean {
  if (message.via !== 'smtp' || message.sender === '') return false;
  const { dsn } = message;
  if (outcome.kind === 'delivered') return attempt.peerReports !== true && wants('SUCCESS', dsn, index);
  if (outcome.kind === 'later') return now - dueOf(message) >= LATE && wants('DELAY', dsn, index);
  return wants('FAILURE', dsn, index);
}
