/**
 * Randomness, injected. `systemRandom` is cryptographic; `seededRandom` repeats itself for tests and simulation.
 */
import { randomBytes, randomInt } from 'node:crypto';

export interface Random {
  /** `length` bytes nobody can guess (with `systemRandom`). */
  bytes(length: number): Buffer;
  /** A fraction in [0, 1). */
  fraction(): number;
}

const FRACTION_STEPS = 2 ** 32;

/** Asking the system costs microseconds whatever the amount, so small amounts are handed out of a larger one. */
const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);

function fromPool(length: number): Buffer {
  if (length > POOL_BYTES) return randomBytes(length);
  if (pool.length < length) pool = randomBytes(POOL_BYTES);
  const bytes = Buffer.from(pool.subarray(0, length));
  pool = pool.subarray(length);
  return bytes;
}

export const systemRandom: Random = {
  bytes: fromPool,
  fraction: () => randomInt(FRACTION_STEPS) / FRACTION_STEPS,
};

/** The same seed gives the same sequence (mulberry32). Never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / FRACTION_STEPS;
  };
  return { fraction, bytes: (length) => Buffer.from(Array.from({ length }, () => Math.floor(fraction() * 256))) };
}
