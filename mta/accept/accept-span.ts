/**
 * A message on its way in, as a span: from the whole of it in hand to the word that it is durable, or why it is refused.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { Span } from '#lib/trace/tracer.ts';
import type { Submitter } from './authority.ts';
import type { Submission, Submitted } from './submitted.ts';

export function endAccept(
  span: Span,
  { tenant }: Submitter,
  { via, raw }: Submission,
  end: Submitted,
  now: Instant,
): void {
  const attributes = {
    'messaging.system': 'smtp',
    'messaging.operation.type': 'create',
    'messaging.message.id': idOf(end),
    'messaging.message.body.size': raw.length,
    'postfleet.tenant': tenant,
    'postfleet.domain': end.kind === 'accepted' ? end.message.domain : undefined,
    'postfleet.recipients': end.kind === 'accepted' ? end.message.recipients.length : undefined,
    'postfleet.via': via,
    'error.type': end.kind === 'refused' ? end.check : undefined,
  };
  span.end(now, attributes, end.kind === 'refused' ? end.check : undefined);
}

function idOf(end: Submitted): string | undefined {
  if (end.kind === 'accepted') return end.message.id;
  return end.kind === 'repeated' ? end.id : undefined;
}
