/**
 * What memory knows of each lane: how many entries it has and when the next one is due. No I/O.
 *
 * Tells a listener once when a lane has something due; the lane then stays announced until a lease of it came back
 * short (`drained`). `due` is a lower bound: an announcement may find nothing, but nothing due goes unannounced.
 */
import type { Clock, Instant, Timer } from '#lib/run/clock.ts';
import { MinHeap } from '#lib/run/heap.ts';
import type { LaneDepth, LaneListener, LaneName } from '../queue.ts';
import { LaneTable, type Row } from './lane-table.ts';

/** Wall time may jump: a wait is never longer than this before the clock is looked at again. */
const LONGEST_WAIT = 1000;
/** So many that memory is about lanes. */
export const MANY_LANES = 20_000;
/** Lanes announced without a pause: after a start a great many may be due, and others want to be served meanwhile. */
const AT_ONCE = 500;

export class Lanes {
  readonly #clock: Clock;
  readonly #lanes = new LaneTable();
  readonly #byDue = new MinHeap<Row>();
  #listener: LaneListener | undefined;
  #timer: Timer | undefined;
  /** When the timer fires; Infinity when none is set. */
  #wakesAt: Instant = Infinity;

  readonly #many: () => void;
  #areMany = false;

  /** `many` is told once: there are more than `MANY_LANES`. Must not throw. */
  constructor(clock: Clock, many = (): void => {}) {
    this.#clock = clock;
    this.#many = many;
  }

  /**
   * Entries came into a lane, or became free in it: `by` more, the earliest due at `due`. None more of a lane that is not
   * known any more: the last of it has ended meanwhile.
   */
  arrive(name: LaneName, by: number, arrived: Instant): void {
    const known = this.#lanes.rowOf(name);
    if (known === undefined && by === 0) return;
    const lane = known ?? this.#add(name);
    const { depth, due, oldest, announced } = this.#lanes;
    depth.set(lane, depth.at(lane) + by);
    oldest.set(lane, Math.min(oldest.at(lane), arrived));
    if (arrived >= due.at(lane)) return;
    due.set(lane, arrived);
    if (announced.at(lane) === 0) this.#schedule(lane);
  }

  /** Entries of a lane have ended. An empty lane is forgotten. */
  end(name: LaneName, by: number): void {
    const lane = this.#lanes.rowOf(name);
    if (lane === undefined) return;
    const { depth } = this.#lanes;
    depth.set(lane, depth.at(lane) - by);
    if (depth.at(lane) <= 0) this.#lanes.forget(name);
  }

  /** A lease is about to be read: what arrives from now on counts as new. */
  reading(name: LaneName): void {
    const lane = this.#lanes.rowOf(name);
    if (lane !== undefined) this.#lanes.due.set(lane, Infinity);
  }

  /** A lease took all that was due; the next entry is due at `next` (Infinity: none). */
  drained(name: LaneName, next: Instant): void {
    const lane = this.#lanes.rowOf(name);
    if (lane === undefined) return;
    const { due, oldest, announced } = this.#lanes;
    announced.set(lane, 0);
    oldest.set(lane, next);
    due.set(lane, Math.min(due.at(lane), next));
    if (due.at(lane) < Infinity) this.#schedule(lane);
  }

  /** What a lease left: the first entry that is not leased is due at `due`. */
  left(name: LaneName, due: Instant): void {
    const lane = this.#lanes.rowOf(name);
    if (lane !== undefined) this.#lanes.oldest.set(lane, due);
  }

  /** When the entry that waits longest was or will be due; Infinity when none waits. */
  oldestDue(): Instant {
    let oldest = Infinity;
    for (const lane of this.#lanes.rows()) oldest = Math.min(oldest, this.#lanes.oldest.at(lane));
    return oldest;
  }

  /** From now on `listener` is told; every lane with something due is announced to it afresh. */
  watch(listener: LaneListener | undefined): void {
    this.#listener = listener;
    for (const lane of this.#lanes.rows()) {
      this.#lanes.announced.set(lane, 0);
      this.#plan(lane);
    }
    this.#announceDue();
  }

  depths(): LaneDepth[] {
    return this.names().map((lane) => ({ lane, depth: this.depthOf(lane) }));
  }

  depthOf(name: LaneName): number {
    const lane = this.#lanes.rowOf(name);
    return lane === undefined ? 0 : this.#lanes.depth.at(lane);
  }

  names(): LaneName[] {
    return [...this.#lanes.names()];
  }

  close(): void {
    this.#listener = undefined;
    this.#timer?.cancel();
  }

  #add(name: LaneName): Row {
    const lane = this.#lanes.add(name);
    if (this.#areMany || this.#lanes.size <= MANY_LANES) return lane;
    this.#areMany = true;
    this.#many();
    return lane;
  }

  /** What is due is announced at once, whoever else waits to be. */
  #schedule(lane: Row): void {
    const due = this.#lanes.due.at(lane);
    if (this.#listener && due <= this.#clock.now()) return this.#announce(lane);
    this.#plan(lane);
    this.#wakeAt(due);
  }

  /** At most one key of a lane is of use: the earliest. */
  #plan(lane: Row): void {
    const due = this.#lanes.due.at(lane);
    if (due >= this.#lanes.planned.at(lane)) return;
    this.#lanes.planned.set(lane, due);
    this.#byDue.push(due, lane);
  }

  #announceDue(): void {
    if (!this.#listener) return;
    const now = this.#clock.now();
    for (let count = 0; count < AT_ONCE && this.#byDue.first <= now; count += 1) {
      const lane = this.#byDue.pop();
      if (lane !== undefined) this.#look(lane, now);
    }
    this.#wakeAt(this.#byDue.first);
  }

  /** A lane's time has come, or had: it may have been leased since it was planned, or the row be another's or nobody's. */
  #look(lane: Row, now: Instant): void {
    this.#lanes.planned.set(lane, Infinity);
    if (this.#lanes.announced.at(lane) === 1 || this.#lanes.nameOf(lane) === undefined) return;
    if (this.#lanes.due.at(lane) > now) this.#plan(lane);
    else this.#announce(lane);
  }

  #announce(lane: Row): void {
    const name = this.#lanes.nameOf(lane);
    if (name === undefined) return;
    this.#lanes.announced.set(lane, 1);
    this.#listener?.(name);
  }

  #wakeAt(due: Instant): void {
    if (!this.#listener || due >= this.#wakesAt) return;
    this.#timer?.cancel();
    const now = this.#clock.now();
    const wait = Math.min(Math.max(due - now, 1), LONGEST_WAIT);
    this.#wakesAt = now + wait;
    this.#timer = this.#clock.after(wait, () => {
      this.#wakesAt = Infinity;
      this.#announceDue();
    });
  }
}
