/**
 * What is written for a message that is put: lists of statements for one transaction. No state.
 */
import assert from 'node:assert';
import type { Statement } from '#lib/sqlite/protocol.ts';
import { type MailEvent, queuedEvents } from '../../mail/event.ts';
import { domainOf, dueOf, type Message } from '../../mail/message.ts';
import { type LaneName, laneName } from '../queue.ts';
import * as tables from './tables.ts';

/** `lanes`: one for each recipient. */
export interface Put {
  readonly messageNo: number;
  readonly statements: readonly Statement[];
  readonly lanes: readonly LaneName[];
}

export function putStatements(messageNo: number, message: Message, recordEvent: (event: MailEvent) => Statement): Put {
  assert(message.recipients.length <= tables.MOST_RECIPIENTS, 'a message has no more recipients than numbers allow');
  const statements = [tables.insertMessage(messageNo, message)];
  const lanes = message.recipients.map((recipient, index) => {
    const { tenant, pool, priority } = message;
    const lane = laneName({ tenant, pool, domain: domainOf(recipient), priority });
    statements.push(tables.insertEntry(tables.entryNo(messageNo, index), lane, dueOf(message)));
    return lane;
  });
  statements.push(...queuedEvents(message).map(recordEvent));
  return { messageNo, statements, lanes };
}
