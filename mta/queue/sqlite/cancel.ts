/**
 * Cancels a message: ends each of its recipients that nobody holds, lane by lane, so that no lease comes in between.
 *
 * An entry is either leased first, and then its holder's to settle, or cancelled first, and then never given again.
 */
import { cancelledEvent, type MailEvent } from '../../mail/event.ts';
import type { Message } from '../../mail/message.ts';
import { decodeMessage } from '../codec.ts';
import type { Cancelling, LaneName } from '../queue.ts';
import type { Held } from './moves.ts';
import { FREE_OF_MESSAGE, LANES_OF_MESSAGE, MESSAGE_OF } from './looking.ts';
import { indexOf } from './tables.ts';

export interface CancelParts extends Held {
  /** Does work with a lane's entries while nobody takes any. */
  readonly apart: <T>(lane: LaneName, work: () => Promise<T>) => Promise<T>;
}

const NOTHING = Buffer.alloc(0);

export async function cancelMessage(parts: CancelParts, { tenant, message: id, by }: Cancelling): Promise<MailEvent[]> {
  const [row] = await parts.database.read(MESSAGE_OF, [id]);
  if (!row) return [];
  const message = decodeMessage(String(row['envelope']), NOTHING);
  if (message.tenant !== tenant) return [];
  const no = Number(row['no']);
  const lanes = await parts.database.read(LANES_OF_MESSAGE, [no]);
  const cancelled = lanes.map(({ lane }) =>
    parts.apart(String(lane), () => cancelInLane(parts, message, no, String(lane), by)),
  );
  return (await Promise.all(cancelled)).flat();
}

async function cancelInLane(
  { database, journal, clock, lanes, leases }: CancelParts,
  message: Message,
  no: number,
  lane: LaneName,
  by: string,
): Promise<MailEvent[]> {
  const leased = JSON.stringify(leases.entriesOf(lane));
  const free = await database.read(FREE_OF_MESSAGE, [no, lane, leased]);
  if (free.length === 0) return [];
  const at = clock.now();
  const only = message.recipients.length === 1;
  const changes = free.map((row) => {
    const entry = Number(row['no']);
    const event = cancelledEvent(message, indexOf(entry), Number(row['attempts']), by, at);
    return { kind: 'ended', entry, only, owed: false, event } as const;
  });
  await journal.write(changes);
  lanes.end(lane, changes.length);
  return changes.map((it) => it.event);
}
