/**
 * How changes lie in the stream of what became of mail: a line of JSON for each, as many to a record as fit. No I/O.
 *
 * A version is never given a second meaning: what it once wrote, every later release reads. A record of no changes says that
 * a shard is claimed.
 */
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import { EXPECTED_LAST } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { Change } from '../changes.ts';
import { decodeFloor, encodeFloor, type Floor } from './floor.ts';

const VERSION = '1';
const VERSION_HEADER = 'Version';
/** Names a write, so that whoever did not hear what became of it finds it again. */
const WRITE = 'Write';
/** Since which record its writer holds the shard. */
const HOLDING = 'Holding';
/** From where on the shard's streams matter. */
const FLOOR = 'Floor';
/** From where on whoever takes the shard reads them. */
const BEGIN = 'Begin';

/** Characters; the server takes 1 MiB (max_payload). */
const RECORD_LENGTH = 256 * 1024;

export interface Writing {
  readonly subject: string;
  readonly write: string;
  /** The record by which the writer came to hold the shard; undefined in that record itself. */
  readonly holding: number | undefined;
  /** The record that must still be the subject's last. */
  readonly after: number;
  readonly floor: Floor;
  readonly begin: Floor;
}

/** Records for these changes, to be appended together; one when there are none. */
export function encodeDone(changes: readonly Change[], writing: Writing): Outgoing[] {
  const { subject, write, holding, after, floor, begin } = writing;
  const headers = {
    [VERSION_HEADER]: VERSION,
    [WRITE]: write,
    [FLOOR]: encodeFloor(floor),
    [BEGIN]: encodeFloor(begin),
    ...(holding !== undefined && { [HOLDING]: `${holding}` }),
  };
  return textsOf(changes).map((text, at) => ({
    subject,
    headers: { ...headers, ...(at === 0 && { [EXPECTED_LAST]: `${after}` }) },
    payload: Buffer.from(text),
  }));
}

function textsOf(changes: readonly Change[]): string[] {
  const texts: string[] = [];
  let text = '';
  for (const change of changes) {
    const line = `${JSON.stringify(change)}\n`;
    if (text.length > 0 && text.length + line.length > RECORD_LENGTH) {
      texts.push(text);
      text = '';
    }
    text += line;
  }
  return [...texts, text];
}

/** Fault `record-unreadable` when a record is damaged or of a version not known here. */
export function decodeDone(stored: Stored): Change[] {
  const version = stored.header(VERSION_HEADER);
  const where = `record ${stored.seq} of ${stored.subject}`;
  if (version !== VERSION) throw new Fault('record-unreadable', `${where} has version ${version}, known is ${VERSION}`);
  try {
    const lines = stored.payload.toString().split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Change);
  } catch (cause) {
    throw new Fault('record-unreadable', `${where} is damaged: ${reasonOf(cause)}`, { cause });
  }
}

export const writeOf = (stored: Stored): string => stored.header(WRITE);

/** Since which record whoever wrote this one held the shard. */
export const holdingOf = (stored: Stored): number => Number(stored.header(HOLDING) || stored.seq);

/** From where on its shard's streams matter, as whoever wrote it knew. */
export const floorIn = (stored: Stored): Floor => decodeFloor(stored.header(FLOOR));

/** From where on whoever takes the shard reads its streams; its floor in records of releases that do not say. */
export const beginIn = (stored: Stored): Floor => {
  const begin = stored.header(BEGIN);
  return begin === '' ? floorIn(stored) : decodeFloor(begin);
};
