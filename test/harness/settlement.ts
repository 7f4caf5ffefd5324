/**
 * How a lease ended, with the event that says so.
 */
import type { EventType } from '#mta/mail/event.ts';
import type { Outcome } from '#mta/mail/outcome.ts';
import type { Lease, Settlement } from '#mta/queue/queue.ts';

const EVENT_OF: Record<Outcome['kind'], EventType> = {
  delivered: 'delivered',
  bounced: 'bounced',
  expired: 'expired',
  later: 'deferred',
};

export function settlementOf(lease: Lease, outcome: Outcome): Settlement {
  const { message, index, recipient, attempts } = lease;
  const { id, tenant, sender } = message;
  const told = { message: id, index, tenant, sender, recipient, reply: '', attempt: attempts + 1 };
  return { lease, outcome, event: { v: 1, at: 0, type: EVENT_OF[outcome.kind], ...told } };
}
