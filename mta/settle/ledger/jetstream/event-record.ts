/**
 * How events lie in their stream: many to a record, packed, those of messages that were accepted within the same quarter of an
 * hour; a header tells which messages a record is about. No I/O.
 *
 * Who looks for a message reads the headers of one quarter of an hour, and then the records that may have it.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { type Duration, minutes } from '#lib/run/clock.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import { EXPECTED_LAST } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { MailEvent } from '../../../mail/event.ts';
import { acceptedAtOf, type MessageId } from '../../../mail/message.ts';
import type { LedgerLayout } from './layout.ts';

const VERSION = '1';
const VERSION_HEADER = 'Version';
const MESSAGES = 'Messages';
const SLOT: Duration = minutes(15);
/** A header has 4 letters for each message: the server takes 64 KiB. */
const EVENTS_IN_RECORD = 1000;
/** What a record may unpack to: a thousand events are some hundred KiB. */
const MOST_BYTES = 64 * 1024 * 1024;

export const slotOf = (message: MessageId): number => Math.max(0, Math.floor(acceptedAtOf(message) / SLOT));

/** In their order, as far as they are about the same message. */
export function encodeEvents(events: readonly MailEvent[], layout: LedgerLayout): Outgoing[] {
  const slots = Map.groupBy(events, (it) => slotOf(it.message));
  return [...slots].flatMap(([slot, all]) =>
    Array.from({ length: Math.ceil(all.length / EVENTS_IN_RECORD) }, (_, at) =>
      recordOf(layout.eventsOf(slot), all.slice(at * EVENTS_IN_RECORD, (at + 1) * EVENTS_IN_RECORD)),
    ),
  );
}

function recordOf(subject: string, events: readonly MailEvent[]): Outgoing {
  const marks = [...new Set(events.map((it) => markOf(it.message)))].join('');
  const lines = events.map((it) => `${JSON.stringify(it)}\n`).join('');
  return {
    subject,
    headers: { [VERSION_HEADER]: VERSION, [MESSAGES]: marks },
    payload: deflateRawSync(lines, { level: 1 }),
  };
}

/** Whether a record may have events of a message; one of ten thousand may and has none. */
export function mayTellOf(stored: Stored, message: MessageId): boolean {
  const marks = stored.header(MESSAGES);
  const mark = markOf(message);
  for (let at = marks.indexOf(mark); at !== -1; at = marks.indexOf(mark, at + 1)) if (at % MARK === 0) return true;
  return false;
}

/** Fault `record-unreadable` when it is damaged or of a version not known here. */
export function decodeEvents(stored: Stored): MailEvent[] {
  const where = `record ${stored.seq} of ${stored.subject}`;
  const version = stored.header(VERSION_HEADER);
  if (version !== VERSION) throw new Fault('record-unreadable', `${where} has version ${version}, known is ${VERSION}`);
  try {
    const lines = inflateRawSync(stored.payload, { maxOutputLength: MOST_BYTES }).toString().split('\n').slice(0, -1);
    return lines.map((it) => JSON.parse(it) as MailEvent);
  } catch (cause) {
    throw new Fault('record-unreadable', `${where} is damaged: ${reasonOf(cause)}`, { cause });
  }
}

/** How far the queue's streams are told in this one. */
export interface Reached {
  readonly log: number;
  readonly done: number;
}

export const NOTHING_REACHED: Reached = { log: 0, done: 0 };

/** Only where `after` is still the last that says so. */
export const encodeReached = (reached: Reached, after: number, { reached: subject }: LedgerLayout): Outgoing => ({
  subject,
  headers: { [EXPECTED_LAST]: `${after}` },
  payload: Buffer.from(JSON.stringify({ v: 1, ...reached })),
});

/** Fault `record-unreadable` when it is none. */
export function decodeReached({ payload, seq }: Stored): Reached {
  try {
    const { v, log, done } = JSON.parse(payload.toString()) as Partial<Reached & { v: number }>;
    if (v === 1 && Number.isSafeInteger(log) && Number.isSafeInteger(done)) return { log: log ?? 0, done: done ?? 0 };
  } catch (cause) {
    throw new Fault('record-unreadable', `record ${seq}, how far events go, is damaged`, { cause });
  }
  throw new Fault('record-unreadable', `record ${seq}, how far events go, is of a version not known here`);
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const MARK = 4;

/** 24 bits of FNV-1a over the id, its bits mixed, as letters. */
function markOf(message: MessageId): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < message.length; at += 1) hash = Math.imul(hash ^ message.charCodeAt(at), 0x01000193);
  hash ^= hash >>> 15;
  let mark = '';
  for (let at = 0; at < MARK; at += 1) mark += ALPHABET.charAt((hash >>> (at * 6)) & 63);
  return mark;
}
