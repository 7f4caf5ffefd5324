/**
 * What the SMTP engine tells of itself, as metrics; its failures as log lines.
 */
import { reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { SmtpObserver } from '../accept/smtp/submission.ts';

export function smtpObserver(log: Log): SmtpObserver {
  return {
    opened: (listener) => metrics.smtpConnections.inc({ listener }),
    closed: (listener) => metrics.smtpConnections.dec({ listener }),
    turnedAway: (listener, because) => metrics.turnedAway.inc({ listener, because }),
    replied: (listener, subject, code) => metrics.smtpReplies.inc({ listener, subject, code }),
    failed: (listener, thrown) => log.error('a listener failed', { listener, reason: reasonOf(thrown) }),
  };
}
