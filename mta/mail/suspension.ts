/**
 * A suspension: somebody's standing order that some mail is not sent, with its reason and perhaps an end. No I/O.
 *
 * It is about mail that waits and mail to come alike: whatever fits everything that the order names.
 */
import type { Instant } from '#lib/run/clock.ts';

/** What orders tell mail apart by; what is absent is all of it. */
export interface Matter {
  readonly tenant?: string | undefined;
  readonly pool?: string | undefined;
  /** Of the recipients. */
  readonly domain?: string | undefined;
  readonly site?: string | undefined;
}

export interface Suspension {
  readonly id: string;
  readonly about: Matter;
  /** From then on it does not count; absent: until somebody ends it. */
  readonly until?: Instant;
  readonly why: string;
  /** Who gave it, as they say themselves. */
  readonly by: string;
  readonly at: Instant;
}

const FIELDS = ['tenant', 'pool', 'domain', 'site'] as const;

/** Whether a matter includes mail that all is known of. */
export const includes = (matter: Matter, mail: Required<Matter>): boolean =>
  FIELDS.every((it) => matter[it] === undefined || matter[it] === mail[it]);

/** Whether all that a matter includes is named by another: ending orders for a tenant ends those for its domains too. */
export const isWithin = (matter: Matter, other: Matter): boolean =>
  FIELDS.every((it) => other[it] === undefined || matter[it] === other[it]);

/** Whether some mail may be of both. */
export const meets = (matter: Matter, other: Matter): boolean =>
  FIELDS.every((it) => matter[it] === undefined || other[it] === undefined || matter[it] === other[it]);

export const isOver = ({ until = Infinity }: Suspension, now: Instant): boolean => until <= now;

/** Why mail waits, for people. */
export function suspensionLine({ by, until, why }: Suspension): string {
  const end = until === undefined ? 'until resumed' : `until ${new Date(until).toISOString()}`;
  return `suspended by ${by} ${end}: ${why}`;
}

/** `tenant a, domain b.test`, or `all mail`. */
export function matterLine(matter: Matter): string {
  const named = FIELDS.filter((it) => matter[it] !== undefined).map((it) => `${it} ${matter[it] ?? ''}`);
  return named.length === 0 ? 'all mail' : named.join(', ');
}
