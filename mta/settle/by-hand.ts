/**
 * The settlement of mail that a person bounces: what its event says, and whether its sender is told. Pure.
 */
import type { Instant } from '#lib/run/clock.ts';
import { type MailEvent, ofMessage } from '../mail/event.ts';
import type { Lease, Settlement } from '../queue/queue.ts';
import { reply, replyLine } from '../mail/reply.ts';
import { owesReport } from './owing.ts';

/** Who bounces it and why; both are in the event, and in the report unless nobody is told. */
export interface ByHand {
  readonly by: string;
  readonly why: string;
  readonly report: boolean;
}

/** No attempt was made: the count stays as it is. */
export function bouncedByHand(lease: Lease, { by, why, report }: ByHand, now: Instant): Settlement {
  const { message, index, recipient, attempts } = lease;
  const said = reply(554, '5.7.0', `bounced by ${by}: ${why}`);
  const outcome = { kind: 'bounced', reply: said } as const;
  const event: MailEvent = {
    v: 1,
    at: now,
    type: 'bounced',
    message: message.id,
    index,
    tenant: message.tenant,
    sender: message.sender,
    recipient,
    reply: replyLine(said),
    attempt: attempts,
    ...ofMessage(message),
  };
  return { lease, outcome, event, owesReport: report && owesReport(lease, outcome, {}, now) };
}
