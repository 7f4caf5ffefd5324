/**
 * From where on a shard's streams matter. No I/O.
 *
 * All that lies in the log before the floor has ended, for ever: a floor that is old is low, and never wrong. What became of the
 * rest lies after its `done`. Marks say what was known together: what came into the log after a mark can have changed only after
 * it, because whoever holds the shard had not seen it.
 *
 * Each record of what became of a shard's mail says its floor: whoever takes the shard reads it where it reads who had it, and it
 * is as durable as all that rests on it.
 */
import type { Duration } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';

export interface Floor {
  /** The first sequence of the log that matters. */
  readonly log: number;
  /** The last record of what became of mail that does not. */
  readonly done: number;
}

export interface Mark extends Floor {
  /** When it was noted, by the monotonic clock. */
  readonly at: Duration;
}

const MOST_MARKS = 500;

export const NO_FLOOR: Floor = { log: 1, done: 0 };

export interface Standing {
  /** The first sequence of the oldest message that has not ended; undefined when none is left. */
  readonly oldest: number | undefined;
  /** In the order they were noted; `log` is the last sequence that was seen then. */
  readonly marks: readonly Mark[];
  readonly before: Floor;
  /** What is younger than this stays, whatever became of it. */
  readonly youngest: Duration;
}

/** Never lower than before. */
export function floorOf({ oldest = Infinity, marks, before, youngest }: Standing): Floor {
  const settled = marks.findLast((it) => it.at <= youngest);
  const log = Math.max(before.log, Math.min(oldest, (settled?.log ?? 0) + 1));
  const mark = marks.findLast((it) => it.log < log);
  return { log, done: Math.max(before.done, mark?.done ?? 0) };
}

/** Those that a floor may still be found by. */
export function marksAfter(marks: readonly Mark[], { log }: Floor): Mark[] {
  const last = marks.findLastIndex((it) => it.log < log);
  return marks.slice(Math.max(last, 0));
}

/** Every other one of the older half of too many: with fewer a floor is lower, and never wrong. */
export function thinned(marks: readonly Mark[]): Mark[] {
  const older = marks.length > MOST_MARKS ? marks.length / 2 : 0;
  return marks.filter((_, at) => at >= older || at % 2 === 0);
}

export const encodeFloor = ({ log, done }: Floor): string => `${log} ${done}`;

/** Fault `record-unreadable` when it is none. */
export function decodeFloor(text: string): Floor {
  const [, log, done] = /^(\d{1,15}) (\d{1,15})$/.exec(text) ?? [];
  if (log === undefined || done === undefined) throw new Fault('record-unreadable', `a floor says ${text}`);
  return { log: Number(log), done: Number(done) };
}
