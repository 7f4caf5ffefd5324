/**
 * Tells of each event that is durable: a JSON log line and the counters.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { Log } from '#lib/run/log.ts';
import { metrics } from '#lib/run/metrics.ts';
import { isOfAttempt, isOfReturnedMail, type MailEvent } from '../mail/event.ts';
import { acceptedAtOf } from '../mail/message.ts';

export function tellEvent(log: Log): (event: MailEvent) => void {
  return (event) => {
    log.info(event.type, { event });
    if (event.type === 'queued') return;
    if (event.type === 'cancelled') return metrics.cancelled.inc();
    if (event.type === 'set-aside') return metrics.setAside.inc();
    if (isOfReturnedMail(event)) return metrics.returned.inc({ what: event.type });
    if (!isOfAttempt(event)) return;
    metrics.attempts.inc({ outcome: event.type });
    if (event.type === 'delivered') metrics.queueSeconds.observe((event.at - since(event)) / 1000);
    if (event.class !== undefined) metrics.failures.inc({ outcome: event.type, class: event.class });
    if (event.inDoubt) metrics.inDoubt.inc();
    if (event.took !== undefined) metrics.transactionSeconds.observe(event.took / 1000);
  };
}

/** From when it could be sent. */
const since = ({ notBefore, message }: MailEvent): Instant => notBefore ?? acceptedAtOf(message);
