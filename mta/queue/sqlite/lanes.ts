/**
 * What memory knows of each lane: how many entries it has and when the next one is due. No I/O.
 *
 * Tells a listener once when a lane has something due; the lane then stays announced until a lease of it came back
 * short (`drained`). `due` is a lower bound: an announcement may find nothing, but nothing due goes unannounced.
 */
import type { Clock, Instant, Timer } from '#lib/run/clock.ts';
import { MinHeap } from '#lib/run/heap.ts';
import type { LaneDepth, LaneListener, LaneName } from '../queue.ts';

interface LaneState {
  readonly name: LaneName;
  depth: number;
  /** Earliest due time of what is not leased; Infinity when nothing is. */
  due: Instant;
  /** When the oldest that is not leased was or is due, as the last lease saw it, or what has come since. */
  oldest: Instant;
  /** The earliest time in the heap at which this lane is looked at. */
  planned: Instant;
  announced: boolean;
}

/** Wall time may jump: a wait is never longer than this before the clock is looked at again. */
const LONGEST_WAIT = 1000;
/** Lanes announced without a pause: after a start a great many may be due, and others want to be served meanwhile. */
const AT_ONCE = 500;

export class Lanes {
  readonly #clock: Clock;
  readonly #lanes = new Map<LaneName, LaneState>();
  readonly #byDue = new MinHeap<LaneState>();
  #listener: LaneListener | undefined;
  #timer: Timer | undefined;
  /** When the timer fires; Infinity when none is set. */
  #wakesAt: Instant = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Entries came into a lane, or became free in it: `by` more, the earliest due at `due`. None more of a lane that is not
   * known any more: the last of it has ended meanwhile.
   */
  arrive(name: LaneName, by: number, due: Instant): void {
    if (by === 0 && !this.#lanes.has(name)) return;
    const lane = this.#lane(name);
    lane.depth += by;
    lane.oldest = Math.min(lane.oldest, due);
    if (due >= lane.due) return;
    lane.due = due;
    if (!lane.announced) this.#schedule(lane);
  }

  /** Entries of a lane have ended. An empty lane is forgotten. */
  end(name: LaneName, by: number): void {
    const lane = this.#lanes.get(name);
    if (!lane) return;
    lane.depth -= by;
    if (lane.depth <= 0) this.#lanes.delete(name);
  }

  /** A lease is about to be read: what arrives from now on counts as new. */
  reading(name: LaneName): void {
    const lane = this.#lanes.get(name);
    if (lane) lane.due = Infinity;
  }

  /** A lease took all that was due; the next entry is due at `next` (Infinity: none). */
  drained(name: LaneName, next: Instant): void {
    const lane = this.#lanes.get(name);
    if (!lane) return;
    lane.announced = false;
    lane.oldest = next;
    lane.due = Math.min(lane.due, next);
    if (lane.due < Infinity) this.#schedule(lane);
  }

  /** What a lease left: the first entry that is not leased is due at `due`. */
  left(name: LaneName, due: Instant): void {
    const lane = this.#lanes.get(name);
    if (lane) lane.oldest = due;
  }

  /** When the entry that waits longest was or will be due; Infinity when none waits. */
  oldestDue(): Instant {
    let oldest = Infinity;
    for (const lane of this.#lanes.values()) oldest = Math.min(oldest, lane.oldest);
    return oldest;
  }

  /** From now on `listener` is told; every lane with something due is announced to it afresh. */
  watch(listener: LaneListener | undefined): void {
    this.#listener = listener;
    for (const lane of this.#lanes.values()) {
      lane.announced = false;
      this.#plan(lane);
    }
    this.#announceDue();
  }

  depths(): LaneDepth[] {
    return [...this.#lanes.values()].map(({ name, depth }) => ({ lane: name, depth }));
  }

  depthOf(name: LaneName): number {
    return this.#lanes.get(name)?.depth ?? 0;
  }

  names(): LaneName[] {
    return [...this.#lanes.keys()];
  }

  close(): void {
    this.#listener = undefined;
    this.#timer?.cancel();
  }

  #lane(name: LaneName): LaneState {
    const known = this.#lanes.get(name);
    if (known) return known;
    const lane = { name, depth: 0, due: Infinity, oldest: Infinity, planned: Infinity, announced: false };
    this.#lanes.set(name, lane);
    return lane;
  }

  /** What is due is announced at once, whoever else waits to be. */
  #schedule(lane: LaneState): void {
    if (this.#listener && lane.due <= this.#clock.now()) return this.#announce(lane);
    this.#plan(lane);
    this.#wakeAt(lane.due);
  }

  /** At most one key of a lane is of use: the earliest. */
  #plan(lane: LaneState): void {
    if (lane.due >= lane.planned) return;
    lane.planned = lane.due;
    this.#byDue.push(lane.due, lane);
  }

  #announceDue(): void {
    if (!this.#listener) return;
    const now = this.#clock.now();
    for (let count = 0; count < AT_ONCE && this.#byDue.first <= now; count += 1) {
      const lane = this.#byDue.pop();
      if (lane) this.#look(lane, now);
    }
    this.#wakeAt(this.#byDue.first);
  }

  /** A lane's time has come, or had: it may have been leased, or forgotten, since it was planned. */
  #look(lane: LaneState, now: Instant): void {
    lane.planned = Infinity;
    if (lane.announced || this.#lanes.get(lane.name) !== lane) return;
    if (lane.due > now) this.#plan(lane);
    else this.#announce(lane);
  }

  #announce(lane: LaneState): void {
    lane.announced = true;
    this.#listener?.(lane.name);
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
