/**
 * What happens to entries after they were put: each a value that can be written down, and carried out again. No I/O.
 *
 * All changes since a message was put, carried out in their order, leave what there is of it. A change says how things are
 * after it, not by how much they differ. Its events become durable with it. How it is carried out in tables is in
 * `sqlite/carry-out.ts`.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { MailEvent } from '../mail/event.ts';
import type { MessageId } from '../mail/message.ts';
import type { LaneName, Move } from './queue.ts';

/** Number of an entry, made of its message's number and the recipient's index. */
export type EntryNo = number;

export type Change =
  /** It has come to an end. `only`: its message has no other entry. `owed`: its sender is to hear of the event. */
  | {
      readonly kind: 'ended';
      readonly entry: EntryNo;
      readonly only: boolean;
      readonly owed: boolean;
      readonly event: MailEvent;
    }
  /** It waits on. `lane`: in another lane from now on. */
  | {
      readonly kind: 'waits';
      readonly entry: EntryNo;
      readonly due: Instant;
      readonly attempts: number;
      readonly held: boolean;
      readonly lane?: LaneName;
      readonly owed: boolean;
      readonly event: MailEvent;
    }
  /** Its message may have been handed over from now on. */
  | { readonly kind: 'intended'; readonly entry: EntryNo }
  /** The sender has heard of these events, and of no others. */
  | { readonly kind: 'reported'; readonly message: MessageId; readonly events: readonly MailEvent[] }
  /** `due`: of a retry, the latest it is due. `lane`: of a reroute. */
  | {
      readonly kind: 'moved';
      readonly move: Move['kind'];
      readonly entries: readonly EntryNo[];
      readonly due?: Instant;
      readonly lane?: LaneName;
    }
  /** The process died with messages in hand: how often now, which are held back for it, and which wait apart. */
  | {
      readonly kind: 'crashed';
      readonly at: Instant;
      readonly suspects: readonly { readonly message: number; readonly crashes: number }[];
      readonly aside: readonly number[];
      readonly apart: readonly { readonly message: number; readonly due: Instant }[];
      readonly events: readonly MailEvent[];
    }
  /** A message's record cannot be read. */
  | { readonly kind: 'unreadable'; readonly message: number };

/** Makes changes durable, with their events, and carries them out in the tables. */
export interface Journal {
  /** All of them or none. Resolves when they are durable and reads see them. */
  write(changes: readonly Change[]): Promise<void>;
}

export function eventsOf(change: Change): readonly MailEvent[] {
  if (change.kind === 'ended' || change.kind === 'waits') return [change.event];
  return change.kind === 'crashed' ? change.events : [];
}

/** Events that a change may have, so that it can be written down in little. */
const MOST_EVENTS = 200;

export const inParts = (events: readonly MailEvent[]): (readonly MailEvent[])[] =>
  Array.from({ length: Math.ceil(events.length / MOST_EVENTS) }, (_, at) =>
    events.slice(at * MOST_EVENTS, (at + 1) * MOST_EVENTS),
  );
