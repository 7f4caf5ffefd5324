/**
 * One piece of mail that came back, as it is shown: when, about whom, how it was read, what it caused. No I/O.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { MailEvent } from './event.ts';
import type { MessageId } from './message.ts';
import type { ReportKind } from './report.ts';

export interface ReturnedMailItem {
  readonly at: Instant;
  /** What it is about; absent: no message of ours. */
  readonly message?: MessageId;
  /** Whom it is about, or the address it came to. */
  readonly recipient: string;
  readonly report: ReportKind;
  /** Who handed it in. */
  readonly host: string;
  /** What told which message it is about. */
  readonly foundBy?: 'return-path' | 'headers';
  /** What it says became of the recipient. */
  readonly caused?: MailEvent;
  /** Its front, in base64, with CRLF for whatever line ends it had. */
  readonly copy?: string;
}

/** What came back for a message, oldest first: its events and copies of mail were written together, in one order. */
export function returnedItems(events: readonly MailEvent[], copies: readonly Buffer[]): readonly ReturnedMailItem[] {
  const came = events.flatMap((event, at) => (event.type === 'returned' ? [{ event, next: events[at + 1] }] : []));
  return came.map(({ event, next }, nth) => withCopy(itemOf(event, causedBy(event, next)), copies[nth]));
}

export const withCopy = (item: ReturnedMailItem, copy: Buffer | undefined): ReturnedMailItem =>
  copy ? { ...item, copy: copy.toString('base64') } : item;

/** What it says is the event that follows it, for the same recipient. */
function causedBy(event: MailEvent, next: MailEvent | undefined): MailEvent | undefined {
  const isCaused = next?.type === 'bounced-later' || next?.type === 'complained';
  return isCaused && next.index === event.index ? next : undefined;
}

const itemOf = (
  { at, message, recipient, report, host, foundBy }: MailEvent,
  caused?: MailEvent,
): ReturnedMailItem => ({
  at,
  message,
  recipient,
  report: report ?? 'other',
  host: host ?? '',
  foundBy: foundBy ?? 'return-path',
  ...(caused && { caused }),
});
