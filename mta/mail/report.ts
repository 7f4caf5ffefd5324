/**
 * What mail that came back says. No I/O.
 *
 * Everything in it is the word of whoever sent it, read from text that may lie: an address here is what was written, not
 * whom we sent to. Made by `accept/returns/`; what it comes to for a recipient is decided there too.
 */
import type { MessageId } from './message.ts';
import type { Reply } from './reply.ts';

/** A delivery status (RFC 3464 or in words), a complaint (RFC 5965), an answer by a machine, anything else. */
export const REPORT_KINDS = ['dsn', 'arf', 'auto-reply', 'other'] as const;
export type ReportKind = (typeof REPORT_KINDS)[number];

/** RFC 3464 §2.3.3. */
export const ACTIONS = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const;
export type ReportedAction = (typeof ACTIONS)[number];

export interface ReportedRecipient {
  /** In canonical form; as the sender first knew it, where the report says so. */
  readonly address: string;
  readonly action: ReportedAction;
  /** `5.1.1`; `''` when nothing says. */
  readonly status: string;
  /** What the last host said, or what it would have said with that status. */
  readonly said: Reply;
  /** Name of the host that said it. */
  readonly host?: string;
}

export interface Report {
  readonly kind: ReportKind;
  /** For `arf`: `abuse`, `opt-out`, `not-spam` and so on, in lower case. */
  readonly feedbackType?: string;
  /** Message-ID of the message it is about, without angle brackets. */
  readonly originalId?: string;
  /** Return paths the message it is about may have had, and what looks like one of ours anywhere in the report. */
  readonly returnPaths: readonly string[];
  /** What looks like an id of ours, in what is there of the message's header. */
  readonly messageIds: readonly MessageId[];
  readonly recipients: readonly ReportedRecipient[];
}
