/**
 * A key that signs return paths: 256 random bits, known by the day it was made. Pure.
 *
 * The newest key whose day has come signs, every key in the keyring verifies. A day is a number, days since 1970 in UTC, because a signed
 * return path has room for a few letters only; a key's file is named by its date, for people.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { type Duration, type Instant, hours } from '../run/clock.ts';
import { Fault } from '../run/fault.ts';

export interface ReturnPathKey {
  /** The day it was made, which names it. */
  readonly day: number;
  readonly secret: KeyObject;
}

const DAY: Duration = hours(24);
/** Bytes of a key. */
export const RETURN_PATH_KEY_BYTES = 32;

export const dayOf = (now: Instant): number => Math.floor(now / DAY);

/** Name of the file of the key made on a day: `20261122.key`. */
export const returnPathKeyFile = (day: number): string =>
  `${new Date(day * DAY).toISOString().slice(0, 10).replaceAll('-', '')}.key`;

/** The day in a file's name, or undefined if it is none. */
export function parseReturnPathKeyFile(name: string): number | undefined {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})\.key$/.exec(name) ?? [];
  if (day === undefined) return undefined;
  const found = dayOf(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return returnPathKeyFile(found) === name ? found : undefined;
}

/** Days a key signs. */
const SIGNS = 30;
/** Days after which what a key signed last has surely ended: 30 that a return path holds, and the day it was made on. */
const VERIFIES = 32;

/** Of keys by their days, the oldest first: those that are over, and whether another is due. */
export function agingOf(days: readonly number[], today: number): { over: number[]; isNewDue: boolean } {
  const over = days.filter((_, at) => (days[at + 1] ?? Infinity) + VERIFIES <= today);
  return { over, isNewDue: (days.at(-1) ?? -Infinity) + SIGNS <= today };
}

/** The key that signs: the newest whose day has come. */
export const signingKeyOf = (newestFirst: readonly ReturnPathKey[], now: Instant): ReturnPathKey | undefined =>
  newestFirst.find(({ day }) => day <= dayOf(now)) ?? newestFirst[0];

/** The text of a new key's file. */
export const formatReturnPathKey = (bytes: Buffer): string => `${bytes.toString('base64')}\n`;

/** Throws a fault that does not repeat the text. */
export function readReturnPathKey(name: string, text: string): ReturnPathKey {
  const day = parseReturnPathKeyFile(name);
  if (day === undefined) throw new Fault('keyring-name', 'must be named <yyyymmdd>.key, after the day it was made');
  const bytes = Buffer.from(text.trim(), 'base64');
  if (bytes.length !== RETURN_PATH_KEY_BYTES)
    throw new Fault('keyring-record', `must be ${RETURN_PATH_KEY_BYTES} bytes in base64`);
  return { day, secret: createSecretKey(bytes) };
}
