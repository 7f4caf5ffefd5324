/**
 * PORT: mail that came back, to be looked up. A part of the ledger.
 *
 * What is about a message is kept with its events (`Ledger.keep`). What is about none, and came to an address declared for
 * complaints or to postmaster, is a stray: it has a shelf of its own, of so many places for each tenant, and is kept as
 * long as events are.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { MessageId } from '../../mail/message.ts';
import type { ReportKind } from '../../mail/report.ts';

export interface Stray {
  /** Whose address it came to; `''` for the machine's own. */
  readonly tenant: string;
  /** The address it came to. */
  readonly recipient: string;
  readonly at: Instant;
  /** Who handed it in: `mx.example.net [192.0.2.1]`. */
  readonly host: string;
  readonly report: ReportKind;
  readonly copy: Buffer;
}

/** Places on the shelf of a tenant. */
export const MOST_STRAYS = 100;

export interface ReturnedMail {
  /** Resolves when durable; `full`, and nothing is kept, when the tenant's shelf is. */
  shelve(stray: Stray): Promise<'kept' | 'full'>;
  /** What came back for a message, oldest first: one for each event `returned`. */
  copies(message: MessageId): Promise<readonly Buffer[]>;
  /** What came to an address and is about no message, oldest first. */
  strays(recipient: string): Promise<readonly Stray[]>;
  /** Messages of which something came back for a recipient, in any form of its address; newest first, at most `most`. */
  messagesFor(recipient: string, most: number): Promise<readonly MessageId[]>;
}
