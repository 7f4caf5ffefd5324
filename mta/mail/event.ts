/**
 * One thing that happened to one recipient: the product's audit log, told to people and programs.
 *
 * Events are JSON objects with a format version; a field is never given a second meaning. They hold addresses and
 * replies, never secrets or content.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { Stage } from './attempt.ts';
import type { Firing } from './firing.ts';
import type { ReplyClass } from './reply.ts';
import type { ReportKind } from './report.ts';
import type { Suppression } from './suppression.ts';
import type { Labels, Message, MessageId } from './message.ts';

export type EventType =
  | 'queued'
  | 'delivered'
  | 'deferred'
  | 'bounced'
  | 'expired'
  | 'cancelled'
  /** It is not tried until somebody says so: it was in hand whenever the process died. */
  | 'set-aside'
  /** Mail came back to the return path of the recipient, whatever it says. */
  | 'returned'
  /** What came back says that it was not delivered after all. */
  | 'bounced-later'
  /** What came back says that the recipient complained. */
  | 'complained';

export interface MailEvent {
  readonly v: 1;
  readonly at: Instant;
  readonly type: EventType;
  readonly message: MessageId;
  /** Index of the recipient in the message. */
  readonly index: number;
  readonly tenant: string;
  readonly sender: string;
  readonly recipient: string;
  /**
   * What was said, one line: `250 2.0.0 queued as 4711`. For `queued` and `returned` the reply given to who sent it, for
   * `cancelled` who did it, for `set-aside` why.
   */
  readonly reply: string;
  /** Attempts made so far, this one included. */
  readonly attempt: number;
  /** The sender asked for nothing to be sent before. */
  readonly notBefore?: Instant;
  /** For `deferred`: when the next attempt is due. */
  readonly due?: Instant;
  /** Name and address that said it: `mx1.example.net [192.0.2.1]:25`. */
  readonly host?: string;
  /** Address the connection left from. */
  readonly source?: string;
  /** TLS version and cipher, or absent in clear. */
  readonly tls?: string;
  /** Milliseconds from the first command of the transaction to the reply that decided. */
  readonly took?: number;
  /** For `queued`, on the first recipient's event only: what the sender calls the message. */
  readonly labels?: Labels;
  /** Bytes of the message as accepted. */
  readonly size?: number;
  /** For what was not delivered: what the reply answers, what kind of failure it is, and which rule says so. */
  readonly stage?: Stage;
  readonly class?: ReplyClass;
  readonly rule?: string;
  /** For `returned`: what kind of mail came back. */
  readonly report?: ReportKind;
  /** For `returned`: it came to no return path of the recipient's, and says itself which message it is about. */
  readonly foundBy?: 'headers';
  /** The recipient was suppressed for it, and why. */
  readonly suppressed?: Suppression['reason'];
  /** What the rule set going with this reply, and until when. */
  readonly fired?: Pick<Firing, 'action' | 'scope' | 'until'>;
  /** For `deferred`: it is not tried again until somebody says so. */
  readonly held?: true;
  /** The trace the message belongs to (W3C Trace Context). */
  readonly traceparent?: string;
  /** The peer may have taken the message, its reply was not seen: for `deferred`, and `delivered` where that is assumed. */
  readonly inDoubt?: true;
}

/** The events that say a message is durably queued, one per recipient. */
export function queuedEvents(message: Message): MailEvent[] {
  return message.recipients.map((recipient, index) => ({
    v: 1,
    at: message.acceptedAt,
    type: 'queued',
    message: message.id,
    index,
    tenant: message.tenant,
    sender: message.sender,
    recipient,
    reply: `250 2.0.0 queued as ${message.id}`,
    attempt: 0,
    size: message.raw.length,
    ...ofMessage(message),
    ...(index === 0 && message.labels && { labels: message.labels }),
  }));
}

/** The event that says a recipient was cancelled before it was delivered; `by` is a credential. */
export const cancelledEvent = (message: Message, index: number, attempt: number, by: string, at: Instant): MailEvent =>
  unsentEvent('cancelled', message, index, attempt, `cancelled by ${by}`, at);

/** The event that says a recipient is not tried until somebody says so. */
export const setAsideEvent = (message: Message, index: number, attempt: number, why: string, at: Instant): MailEvent =>
  unsentEvent('set-aside', message, index, attempt, why, at);

const unsentEvent = (
  type: 'cancelled' | 'set-aside',
  message: Message,
  index: number,
  attempt: number,
  reply: string,
  at: Instant,
): MailEvent => ({
  v: 1,
  at,
  type,
  message: message.id,
  index,
  tenant: message.tenant,
  sender: message.sender,
  recipient: message.recipients[index] ?? '',
  reply,
  attempt,
  ...ofMessage(message),
});

/** What every event of a message says of it: when it was to be sent, and its trace. */
export function ofMessage({ notBefore, trace }: Message): Pick<MailEvent, 'notBefore' | 'traceparent'> {
  if (notBefore === undefined && trace === undefined) return {};
  return { ...(notBefore !== undefined && { notBefore }), ...(trace && { traceparent: trace.traceparent }) };
}

type OfReturnedMail = 'returned' | 'bounced-later' | 'complained';
type OfAttempt = 'delivered' | 'deferred' | 'bounced' | 'expired';

const OF_RETURNED_MAIL: ReadonlySet<EventType> = new Set<OfReturnedMail>(['returned', 'bounced-later', 'complained']);
const OF_ATTEMPT: ReadonlySet<EventType> = new Set<OfAttempt>(['delivered', 'deferred', 'bounced', 'expired']);

/** Whether an event tells of mail that came back, rather than of an attempt. */
export const isOfReturnedMail = (event: MailEvent): event is MailEvent & { readonly type: OfReturnedMail } =>
  OF_RETURNED_MAIL.has(event.type);

/** Whether an event tells what became of an attempt. */
export const isOfAttempt = (event: MailEvent): event is MailEvent & { readonly type: OfAttempt } =>
  OF_ATTEMPT.has(event.type);
