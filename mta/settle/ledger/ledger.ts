/**
 * PORT: the ledger. What has happened, to be looked up, and what follows from it for mail to come.
 *
 * Events come into it with the outcomes they tell of, in the queue's own transactions; those of mail that came back later
 * come in with that mail. They are kept for the retention its adapter was opened with, whole messages at a time.
 */
import type { MailEvent } from '../../mail/event.ts';
import type { MessageId } from '../../mail/message.ts';
import type { Orders } from './orders.ts';
import type { ReturnedMail } from './returned.ts';
import type { Memory } from './memory.ts';
import type { Suppressions } from './suppressions.ts';
import type { Usage } from './usage.ts';

export interface Ledger {
  /** Every event of a message, oldest first; empty when nothing is known of it. */
  trace(message: MessageId): Promise<readonly MailEvent[]>;
  /** The newest event of a recipient of a message. */
  last(message: MessageId, index: number): Promise<MailEvent | undefined>;
  /**
   * Resolves when events of a message that was accepted before are durable, with a copy of the mail that says so for each
   * event `returned` among them. Copies are kept as long as events are.
   */
  keep(events: readonly MailEvent[], copy: Buffer): Promise<void>;
  readonly returned: ReturnedMail;
  readonly suppressions: Suppressions;
  readonly usage: Usage;
  readonly memory: Memory;
  readonly orders: Orders;
}
