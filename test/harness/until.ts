/**
 * Waiting by condition, for tests: looks again and again, and gives up with a sentence.
 */
import { setTimeout as pause } from 'node:timers/promises';

/** A slow machine is no failure: what has to be quick says so itself. */
const PATIENCE_MS = 20_000;
const LOOKS_EVERY_MS = 2;
/** Between looks that make other processes work, which are waited for. */
export const SELDOM_MS = 50;

/** Resolves with the first value of `look` that is not undefined or false. Rejects after `limit` ms, saying `what`. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  limit = PATIENCE_MS,
  every = LOOKS_EVERY_MS,
): Promise<Exclude<NonNullable<T>, false>> {
  const end = performance.now() + limit;
  for (;;) {
    const seen = await look();
    if (isThere(seen)) return seen;
    if (performance.now() > end) throw new Error(`waited ${limit} ms in vain: ${what}`);
    await pause(every);
  }
}

const isThere = <T>(seen: T): seen is Exclude<NonNullable<T>, false> =>
  seen !== undefined && seen !== null && seen !== false;
