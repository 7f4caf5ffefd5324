/**
 * What became of an attempt, as spans of its message's trace, told when its outcome is durable.
 *
 *     accept
 *     ├─ wait            until the first attempt
 *     └─ attempt         one for each, over restarts too
 *        ├─ resolve, connect, greet, tls    of the first that a connection carries
 *        ├─ transaction
 *        └─ settle       until the outcome is durable
 *
 * Attributes are ids, names of tenants, domains and hosts, and codes; no address, no subject, no text of a peer.
 */
import type { Instant } from '#lib/run/clock.ts';
import { isSampled } from '#lib/trace/context.ts';
import type { Attributes, Tracer } from '#lib/trace/tracer.ts';
import { type Attempt, isInTransaction } from '../mail/attempt.ts';
import type { MailEvent } from '../mail/event.ts';
import { dueOf } from '../mail/message.ts';
import type { Lease } from '../queue/queue.ts';

export interface Attempted {
  readonly lease: Lease;
  readonly attempt: Attempt;
  readonly event: MailEvent;
  readonly site: string;
}

/** `now`: its outcome is durable. */
export function tellAttempt(tracer: Tracer, { lease, attempt, event, site }: Attempted, now: Instant): void {
  const { trace } = lease.message;
  if (!trace || !isSampled(trace)) return;
  const { opening = [], took = 0 } = attempt;
  const asked = event.at - took;
  const begun = Math.min(opening[0]?.at ?? asked, asked);
  if (event.attempt === 1) tracer.start('wait', 'internal', Math.min(dueOf(lease.message), begun), trace).end(begun);
  const span = tracer.start('attempt', 'client', begun, trace);
  for (const { stage, at, took: spent } of opening) tracer.start(stage, 'client', at, span.context).end(at + spent);
  if (isInTransaction(attempt.stage)) tracer.start('transaction', 'client', asked, span.context).end(event.at);
  tracer.start('settle', 'internal', event.at, span.context).end(now);
  span.end(now, attributesOf(lease, attempt, event, site), event.class);
}

/** `mx1.example.net` of `mx1.example.net [192.0.2.1]:25`, and the address where there is no name. */
const hostOf = (host = ''): string | undefined => /^\[?([^\s\]]+)/.exec(host)?.[1];

const attributesOf = ({ message, index }: Lease, attempt: Attempt, event: MailEvent, site: string): Attributes => ({
  'messaging.system': 'smtp',
  'messaging.operation.type': 'send',
  'messaging.message.id': message.id,
  'server.address': hostOf(attempt.host),
  'error.type': event.class,
  'postfleet.tenant': message.tenant,
  'postfleet.domain': message.domain,
  'postfleet.recipient.index': index,
  'postfleet.site': site,
  'postfleet.source': attempt.from,
  'postfleet.attempt': event.attempt,
  'postfleet.outcome': event.type,
  'postfleet.stage': attempt.stage,
  'postfleet.rule': event.rule,
  'postfleet.reply.code': attempt.reply.code,
  'postfleet.reply.status': attempt.reply.enhanced || undefined,
});
