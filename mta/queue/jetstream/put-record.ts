/**
 * How a message lies in the log: a record for each shard it has recipients in, and before them what they share. No I/O.
 *
 * All of it is appended together, so that sequences follow each other without a gap and a record names what it shares by
 * how far back it lies. A small message for one shard is one record with its bytes. The envelope is in a header, so that
 * reading headers alone tells what is queued; one that is too long for that lies before the record as well.
 */
import { Fault } from '#lib/run/fault.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import { MESSAGE_ID } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { Message } from '../../mail/message.ts';
import { encodeEnvelope } from '../codec.ts';
import { type Layout, shardsOf } from './layout.ts';

/** Bytes of a message that lie in its record. */
const INLINE_BYTES = 256 * 1024;
/** A message of the server's has 1 MiB at most (max_payload), its header 64 KiB. */
const PIECE_BYTES = 512 * 1024;
const HEADER_BYTES = 32 * 1024;

const ENVELOPE = 'Envelope';
const ENVELOPE_PIECES = 'Envelope-Pieces';
const BODY_PIECES = 'Body-Pieces';
const SIZE = 'Size';

/** Pieces that follow each other in the log. */
export interface Pieces {
  readonly first: number;
  readonly count: number;
}

/** A record as it was read. */
export interface Arrival {
  readonly sequence: number;
  /** The text, or where it lies. */
  readonly envelope: string | Pieces;
  /** Undefined: in the record itself. */
  readonly body: Pieces | undefined;
  readonly size: number;
  /** The record's own bytes; none when headers alone were read. */
  readonly payload: Buffer;
}

/** What is appended for a message, all of it together; the last of them are the records, one for each of its shards. */
export function encodePut(message: Message, layout: Layout): Outgoing[] {
  const shards = shardsOf(message, layout.shards);
  const envelope = encodeEnvelope(message);
  const isInline = shards.length === 1 && message.raw.length <= INLINE_BYTES;
  const isShort = Buffer.byteLength(envelope) <= HEADER_BYTES;
  const shared = [isShort ? [] : piecesOf(Buffer.from(envelope)), isInline ? [] : piecesOf(message.raw)] as const;
  const pieces = shared.flat().map((payload) => ({ subject: layout.body, headers: {}, payload }));
  const records = shards.map((shard, at) => ({
    subject: layout.inOf(shard),
    headers: {
      [MESSAGE_ID]: `${message.id}.${shard}`,
      [SIZE]: `${message.raw.length}`,
      ...(isShort ? { [ENVELOPE]: envelope } : { [ENVELOPE_PIECES]: `${pieces.length + at} ${shared[0].length}` }),
      ...(!isInline && { [BODY_PIECES]: `${shared[1].length + at} ${shared[1].length}` }),
    },
    payload: isInline ? message.raw : NOTHING,
  }));
  return [...pieces, ...records];
}

const NOTHING = Buffer.alloc(0);

function piecesOf(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) pieces.push(bytes.subarray(at, at + PIECE_BYTES));
  return pieces;
}

/** Fault `record-unreadable` when a record is not what `encodePut` writes. */
export function decodePut(stored: Stored): Arrival {
  const size = numberIn(stored.header(SIZE), stored);
  const pieces = stored.header(ENVELOPE_PIECES);
  const body = stored.header(BODY_PIECES);
  return {
    sequence: stored.seq,
    envelope: pieces === '' ? stored.header(ENVELOPE) : placeOf(pieces, stored),
    body: body === '' ? undefined : placeOf(body, stored),
    size,
    payload: stored.payload,
  };
}

function placeOf(text: string, stored: Stored): Pieces {
  const [back = '', count = ''] = text.split(' ');
  return { first: stored.seq - numberIn(back, stored), count: numberIn(count, stored) };
}

function numberIn(text: string, { seq, subject }: Stored): number {
  if (!/^\d{1,15}$/.test(text)) throw new Fault('record-unreadable', `record ${seq} of ${subject} says ${text}`);
  return Number(text);
}
