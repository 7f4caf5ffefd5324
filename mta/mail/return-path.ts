/**
 * The signed return path (VERP): an envelope sender that says, to us alone, which recipient of which message comes back.
 *
 *     b-<message id, 26><recipient, 3>-<day sent, 3><key, 3><seal, 20>        58 of the 64 octets a local part may have
 *
 * All of it is in the alphabet of message ids, without regard to case, because mail systems change it. The seal is the
 * first 100 bits of an HMAC-SHA-256 over everything before it, the tenant and the host. What is forged, altered,
 * another tenant's, signed by a key that is gone or older than 30 days gives the same answer, in the same time.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { dayOf, type ReturnPathKey } from '#lib/keyring/return-path-key.ts';
import type { Instant } from '#lib/run/clock.ts';
import { ALPHABET, type MessageId } from './message.ts';

/** Whose mail the host takes: what a seal is bound to. */
export interface ReturnHost {
  readonly tenant: string;
  /** In lower-case A-labels. */
  readonly host: string;
}

/** One recipient of one message. */
export interface Returning {
  readonly message: MessageId;
  readonly index: number;
}

/** Days a return path holds after it was sent: more than any queue's life and a bounce's way back. */
const HOLDS = 30;
/** Clocks of two machines may differ by a day's end. */
const AHEAD = 1;
const SEAL_LENGTH = 20;
const FIELD_LENGTH = 3;

const FORM = new RegExp(
  `^b-([${ALPHABET}]{26})([${ALPHABET}]{3})-([${ALPHABET}]{3})([${ALPHABET}]{3})([${ALPHABET}]{20})$`,
);

/** The address to send as. `key` is the newest. */
export function signReturnPath(
  at: ReturnHost,
  { message, index }: Returning,
  key: ReturnPathKey,
  now: Instant,
): string {
  const about = `b-${message}${written(index)}-${written(dayOf(now))}${written(key.day)}`;
  return `${about}${seal(at, about, key)}@${at.host}`;
}

/** What an address at `at.host` says, or undefined when it is no valid return path. */
export function readReturnPath(
  at: ReturnHost,
  address: string,
  keys: readonly ReturnPathKey[],
  now: Instant,
): Returning | undefined {
  const local = address.slice(0, address.lastIndexOf('@')).toLowerCase();
  const [, message, index, day, keyDay, given] = FORM.exec(local) ?? [];
  if (message === undefined || index === undefined || given === undefined) return undefined;
  const age = dayOf(now) - read(day);
  const key = keys.find((it) => it.day === read(keyDay)) ?? keys[0];
  if (!key) return undefined;
  // Every answer costs one HMAC. With a key other than the one it names no seal fits, because the name is sealed too.
  const isSealed = timingSafeEqual(Buffer.from(given), Buffer.from(seal(at, local.slice(0, -SEAL_LENGTH), key)));
  const isValid = isSealed && key.day === read(keyDay) && age >= -AHEAD && age <= HOLDS;
  return isValid ? { message, index: read(index) } : undefined;
}

function seal({ tenant, host }: ReturnHost, about: string, { secret }: ReturnPathKey): string {
  const digest = createHmac('sha256', secret).update(`return path 1\0${tenant}\0${host}\0${about}`).digest();
  let text = '';
  for (let at = 0; at < SEAL_LENGTH; at += 1) {
    const bit = at * 5;
    const pair = digest.readUInt16BE(bit >> 3);
    text += ALPHABET.charAt((pair >> (11 - (bit & 7))) & 31);
  }
  return text;
}

/** Three letters hold 15 bits: an index below 4096, a day until 2059. */
function written(value: number): string {
  return ALPHABET.charAt((value >> 10) & 31) + ALPHABET.charAt((value >> 5) & 31) + ALPHABET.charAt(value & 31);
}

function read(letters = ''): number {
  let value = 0;
  for (let at = 0; at < FIELD_LENGTH; at += 1) value = value * 32 + ALPHABET.indexOf(letters.charAt(at));
  return value;
}
