/**
 * Cancels a message for its own tenant, and says of each recipient whether that was in time.
 *
 * What a receiver may have taken already is never called cancelled. A message of somebody else is as unknown as one
 * that never was. Asking again is harmless.
 */
import { type Answer, json, problem } from '#lib/http/server.ts';
import type { EventType, MailEvent } from '../../mail/event.ts';
import type { MessageId } from '../../mail/message.ts';
import type { Queue } from '../../queue/queue.ts';
import type { Submitter } from '../authority.ts';
import { unknownMessage } from './problem.ts';
import { lastEvents } from './status.ts';

export interface CancelParts {
  readonly queue: Pick<Queue, 'cancel'>;
  /** Every event of a message, oldest first; empty when nothing is known of it. */
  readonly trace: (id: MessageId) => Promise<readonly MailEvent[]>;
  /** Told of each durable event. Must not throw. */
  readonly tell: (event: MailEvent) => void;
}

/** `underWay`: a connection has it now; it may be delivered, or wait again soon. `ended`: delivered, bounced, expired. */
export type CancelResult = 'cancelled' | 'underWay' | 'ended';

const RESULTS: Readonly<Record<EventType, CancelResult>> = {
  queued: 'underWay',
  deferred: 'underWay',
  delivered: 'ended',
  bounced: 'ended',
  expired: 'ended',
  returned: 'ended',
  'bounced-later': 'ended',
  complained: 'ended',
  cancelled: 'cancelled',
  'set-aside': 'underWay',
};

export async function cancel(
  { queue, trace, tell }: CancelParts,
  { tenant, username }: Submitter,
  id: MessageId,
): Promise<Answer> {
  const cancelled = await queue.cancel({ tenant, message: id, by: username });
  for (const event of cancelled) tell(event);
  const events = await trace(id);
  if (events[0]?.tenant !== tenant) return unknownMessage();
  return answerTo(id, lastEvents(events));
}

function answerTo(id: MessageId, last: readonly MailEvent[]): Answer {
  const recipients = last.map(({ index, recipient, type }) => ({
    id: `${id}-${index}`,
    address: recipient,
    result: RESULTS[type],
  }));
  const has = (result: CancelResult): boolean => recipients.some((it) => it.result === result);
  const answer = { id, recipients };
  if (!has('cancelled')) return tooLate(has('underWay'), recipients);
  return has('underWay') ? withRetry(json(answer, 202)) : json(answer);
}

const tooLate = (isUnderWay: boolean, recipients: readonly object[]): Answer =>
  isUnderWay
    ? withRetry(problem(409, 'Conflict', 'the message is being sent at this moment: ask again soon', { recipients }))
    : problem(409, 'Conflict', 'the message has ended for every recipient', { recipients });

/** Seconds after which a connection has most likely ended. */
const SOON = 30;
const withRetry = (answer: Answer): Answer => ({ ...answer, headers: { 'retry-after': String(SOON) } });
