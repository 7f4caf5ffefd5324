/**
 * What became of a message, as its own tenant may know it: where each recipient stands, and every event.
 *
 * A message of somebody else is as unknown as one that never was.
 */
import { type Answer, json } from '#lib/http/server.ts';
import type { EventType, MailEvent } from '../../mail/event.ts';
import type { MessageId } from '../../mail/message.ts';
import { unknownMessage } from './problem.ts';

interface RecipientStatus {
  readonly id: string;
  readonly address: string;
  readonly state: EventType;
}

export function statusOf(id: MessageId, tenant: string, events: readonly MailEvent[]): Answer {
  const [first] = events;
  if (!first || first.tenant !== tenant) return unknownMessage();
  const { notBefore } = first;
  const sendAt = notBefore !== undefined && { sendAt: new Date(notBefore).toISOString() };
  return json({ id, ...sendAt, recipients: recipientsOf(events), events });
}

const recipientsOf = (events: readonly MailEvent[]): RecipientStatus[] =>
  lastEvents(events).map(({ index, message, recipient, type }) => ({
    id: `${message}-${index}`,
    address: recipient,
    state: type,
  }));

/** The last event of each recipient, which says where it stands; that something came back alone changes nothing. */
export const lastEvents = (events: readonly MailEvent[]): MailEvent[] =>
  [...new Map(events.filter((it) => it.type !== 'returned').map((event) => [event.index, event])).values()].toSorted(
    (one, other) => one.index - other.index,
  );
