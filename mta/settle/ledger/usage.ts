/**
 * PORT: what has been counted against quotas. A part of the ledger.
 *
 * Counts are written as they stand, so writing them again is harmless. Who counts (`accept/quota.ts`) writes from time to
 * time and when it stops; what it had not written when it was killed is forgotten.
 */
import type { Instant } from '#lib/run/clock.ts';

/** What one subject has used in one part of a window. */
export interface Used {
  /** Whose, and of which window: `hour credential shop.app`. */
  readonly key: string;
  /** Number of the part since 1970, in lengths of a part. */
  readonly part: number;
  readonly count: number;
  /** From then on it does not count. */
  readonly until: Instant;
}

export interface Usage {
  /** Everything that still counts. */
  read(): Promise<readonly Used[]>;
  /** Resolves when durable; a count of 0 goes. Parts that count no more go too. */
  write(used: readonly Used[]): Promise<void>;
}
