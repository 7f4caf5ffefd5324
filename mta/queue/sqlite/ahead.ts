/**
 * What is due in a lane, read ahead of the leases that take it: one reading serves several connections. No I/O.
 *
 * Keys only, never messages. A slice stands for what was free and due when it was read; whoever changes a lane's
 * entries otherwise than by leasing (moves, seizes, claims) forgets it.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { Row } from '#lib/sqlite/protocol.ts';
import type { LaneName } from '../queue.ts';

/** Entries read at a time. */
export const AHEAD = 100;

export interface Slice {
  readonly rows: Row[];
  /** When the first entry that is not in the slice is due; Infinity when there is none. */
  readonly next: Instant;
}

/** The part of `AHEAD + 1` rows in due order that is due at `now`. */
export function sliceOf(rows: readonly Row[], now: Instant): Slice {
  const due = rows.slice(0, AHEAD).filter((row) => Number(row['due']) <= now);
  return { rows: due, next: Number(rows[due.length]?.['due'] ?? Infinity) };
}

export class Ahead {
  readonly #slices = new Map<LaneName, Slice>();

  get(lane: LaneName): Slice | undefined {
    return this.#slices.get(lane);
  }

  /** Takes up to `max` rows of a slice; what is left of it is kept for the next. */
  take(lane: LaneName, slice: Slice, max: number): Row[] {
    const rows = slice.rows.splice(0, max);
    if (slice.rows.length > 0) this.#slices.set(lane, slice);
    else this.#slices.delete(lane);
    return rows;
  }

  /** Somebody has taken these entries past it. Answers the slice when nothing is left of it. */
  passed(lane: LaneName, rows: readonly Row[]): Slice | undefined {
    const slice = this.#slices.get(lane);
    if (!slice) return undefined;
    const numbers = new Set(rows.map((row) => row['no']));
    const left = slice.rows.filter((row) => !numbers.has(row['no']));
    if (left.length > 0) this.#slices.set(lane, { ...slice, rows: left });
    else this.#slices.delete(lane);
    return left.length > 0 ? undefined : slice;
  }

  /** Whether there was anything to forget. */
  forget(lane: LaneName): boolean {
    return this.#slices.delete(lane);
  }

  lanes(): LaneName[] {
    return [...this.#slices.keys()];
  }
}
