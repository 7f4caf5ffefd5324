/**
 * How many may go now under a rate, and when the next may: the generic cell rate algorithm. Pure, no I/O.
 *
 * One number is the whole state: the time at which everything granted so far would be used up at the declared pace
 * (ITU-T I.371, "theoretical arrival time"). A pause earns back at most `burst`, so that 100 an hour never means 100 in
 * the first second. Below ten a second a window as long as the rate's own never holds more than `count` and the burst;
 * faster rates may also spend what a tenth of a second earns at once, because timers are no finer.
 */
import type { Duration } from '#lib/run/clock.ts';

export interface Rate {
  /** So many … */
  readonly count: number;
  /** … in so many seconds. */
  readonly perSeconds: number;
  /** How many may go at once after a pause; 1 when absent. */
  readonly burst?: number | undefined;
}

/** When everything granted so far is used up; `NEVER_USED` before the first. Milliseconds of the caller's one clock. */
export type UsedUntil = Duration;
export const NEVER_USED: UsedUntil = -Infinity;

export interface Taken {
  readonly granted: number;
  readonly usedUntil: UsedUntil;
  /** From when at least one more may go. */
  readonly again: Duration;
}

/** What timers can resolve: faster rates are granted in portions of this. */
const GRAIN: Duration = 100;

/** Grants up to `max` at `now`. */
export function take(usedUntil: UsedUntil, rate: Rate, max: number, now: Duration): Taken {
  const pace = paceOf(rate);
  const ahead = aheadOf(rate);
  const from = Math.max(usedUntil, now);
  const room = from > now + ahead ? 0 : Math.floor((now + ahead - from) / pace + ROUNDING) + 1;
  const granted = Math.min(room, max);
  const after = granted === 0 ? usedUntil : from + granted * pace;
  return { granted, usedUntil: after, again: Math.max(after - ahead, now) };
}

/** Returns `count` that were granted and not used. What has been earned since stays bounded by the burst. */
export const giveBack = (usedUntil: UsedUntil, rate: Rate, count: number): UsedUntil =>
  usedUntil - count * paceOf(rate);

/** Quotients of milliseconds that are whole but for floating point count as whole. */
const ROUNDING = 1e-9;

/** Between two that follow one another. */
export const paceOf = ({ count, perSeconds }: Rate): Duration => (perSeconds * 1000) / count;

/** How far before its turn the last of a burst may go. */
export function aheadOf(rate: Rate): Duration {
  const pace = paceOf(rate);
  return Math.max(((rate.burst ?? 1) - 1) * pace, GRAIN - pace, 0);
}
