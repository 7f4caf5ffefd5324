/**
 * A key that signs return paths: 256 random bits, known by the day it was made. Pure.
 *
 * The newest key signs, every key in the keyring verifies. A day is a number, days since 1970 in UTC, because a signed
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
const KEY_BYTES = 32;

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

/** The text of a new key's file. */
export const formatReturnPathKey = (bytes: Buffer): string => `${bytes.toString('base64')}\n`;

/** Throws a fault that does not repeat the text. */
export function readReturnPathKey(name: string, text: string): ReturnPathKey {
  const day = parseReturnPathKeyFile(name);
  if (day === undefined) throw new Fault('keyring-name', 'must be named <yyyymmdd>.key, after the day it was made');
  const bytes = Buffer.from(text.trim(), 'base64');
  if (bytes.length !== KEY_BYTES) throw new Fault('keyring-record', `must be ${KEY_BYTES} bytes in base64`);
  return { day, secret: createSecretKey(bytes) };
}
