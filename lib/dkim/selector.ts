/**
 * Names of DKIM selectors that are made here: `<prefix><yyyymmdd>` and `r` or `e`. Pure.
 *
 * A selector is chosen once, when its key is made, and read off where the key is kept ever after.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { KeyKind } from './key.ts';

/** The letter that tells algorithms apart, and the family that one key at a time signs for. */
export type Family = 'r' | 'e';

export const familyOf = (kind: KeyKind): Family => (kind === 'Ed25519' ? 'e' : 'r');

const NONE: ReadonlySet<string> = new Set();

/** By the day in UTC. A name that is taken gets a number: a second key may be made on one day. */
export function selectorFor(prefix: string, now: Instant, kind: KeyKind, taken = NONE): string {
  const day = new Date(now).toISOString().slice(0, 10).replaceAll('-', '');
  const first = `${prefix}${day}${familyOf(kind)}`;
  let selector = first;
  for (let count = 2; taken.has(selector); count += 1) selector = `${first}${count}`;
  return selector;
}
