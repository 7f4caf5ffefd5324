/**
 * How a message's envelope is written down: JSON with a format version, apart from its bytes.
 *
 * A version is never given a second meaning: what it once wrote, every later release reads.
 */
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Message } from '../mail/message.ts';

const VERSION = 1;

/** Everything of a message but its bytes. */
export function encodeEnvelope(message: Message): string {
  const { raw: _, ...envelope } = message;
  return JSON.stringify({ v: VERSION, ...envelope });
}

/** Fault `record-unreadable` when the text is damaged or of a version not known here. */
export function decodeMessage(text: string, raw: Buffer): Message {
  const { v, ...envelope } = parse(text);
  if (v !== VERSION)
    throw new Fault('record-unreadable', `a queued message has format version ${v}, known is ${VERSION}`);
  return { ...(envelope as Omit<Message, 'raw'>), raw };
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new Fault('record-unreadable', `a queued message's envelope is damaged: ${reasonOf(cause)}`, { cause });
  }
}
