/**
 * PORT: the ledger. What has happened, to be looked up, and what follows from it for mail to come.
 *
 * Events come into it with the outcomes they tell of, in the queue's own transactions; the ledger only reads them.
 * They are kept for the retention its adapter was opened with, whole messages at a time.
 */
import type { MailEvent } from '../../event.ts';
import type { MessageId } from '../../message.ts';
import type { Suppressions } from './suppressions.ts';

export interface Ledger {
  /** Every event of a message, oldest first; empty when nothing is known of it. */
  trace(message: MessageId): Promise<readonly MailEvent[]>;
  readonly suppressions: Suppressions;
}
