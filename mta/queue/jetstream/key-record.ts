/**
 * How a key lies in the log: the last record of its subject says which message was put under it. No I/O.
 *
 * It is appended together with its message, and only where the subject still ends as it was seen to.
 */
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Instant } from '#lib/run/clock.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import { EXPECTED_LAST } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { MessageId } from '../../mail/message.ts';
import type { Once, PutOnce } from '../queue.ts';

const VERSION = 1;

interface Key extends Once {
  readonly v: number;
  readonly message: MessageId;
}

export const encodeKey = (subject: string, once: Once, message: MessageId, after: number): Outgoing => ({
  subject,
  headers: { [EXPECTED_LAST]: `${after}` },
  payload: Buffer.from(JSON.stringify({ v: VERSION, ...once, message } satisfies Key)),
});

/** Fault `record-unreadable` when it is damaged or of a version not known here. */
function decodeKey({ seq, payload }: Stored): Once & { readonly message: MessageId } {
  try {
    const { v, ...key } = JSON.parse(payload.toString()) as Key;
    if (v === VERSION) return key;
  } catch (cause) {
    throw new Fault('record-unreadable', `the key of record ${seq} is damaged: ${reasonOf(cause)}`, { cause });
  }
  throw new Fault('record-unreadable', `the key of record ${seq} has a version not known here`);
}

/** What a record says of what is asked under its key; undefined while the key is free. */
export function takenBy(stored: Stored | undefined, { key, hash }: Pick<Once, 'key' | 'hash'>, now: Instant) {
  const known = stored && decodeKey(stored);
  if (!known || known.key !== key || known.until <= now) return undefined;
  if (known.hash !== hash) return { kind: 'conflict' } satisfies PutOnce;
  return { kind: 'known', id: known.message, note: known.note } satisfies PutOnce;
}
