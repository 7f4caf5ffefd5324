/**
 * Who holds which entry, in memory: the leases of the one process that has the file open. Which messages these are is noted
 * as in hand; whoever takes leases writes it down.
 *
 * A lease is `held` until its end, then void. While its settlement is being written it is `settling`: it can neither
 * run out nor be settled again, and its entry stays out of reach.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';
import type { Lease, LaneName } from '../queue.ts';
import type { Bodies } from './bodies.ts';
import type { InHand } from './in-hand.ts';
import { messageNoOf } from './tables.ts';

interface Held {
  /** The entry's number. */
  readonly no: number;
  readonly lane: LaneName;
  until: Duration;
  settling: boolean;
  /** Its message counts. */
  weighs: boolean;
  /** Where its message is noted as in hand. */
  readonly slot: number;
}

export class Leases {
  readonly #clock: Clock;
  readonly #bodies: Bodies;
  readonly #inHand: Pick<InHand, 'enter' | 'leave'>;
  readonly #held = new Map<number, Held>();
  readonly #byLane = new Map<LaneName, Set<number>>();
  readonly #nextId: () => number;

  /** `nextId` gives each lease a number of its own. */
  constructor(clock: Clock, bodies: Bodies, inHand: Pick<InHand, 'enter' | 'leave'>, nextId: () => number) {
    this.#clock = clock;
    this.#bodies = bodies;
    this.#inHand = inHand;
    this.#nextId = nextId;
  }

  /** Entry numbers of a lane that must not be given again. */
  entriesOf(lane: LaneName): number[] {
    return [...(this.#byLane.get(lane) ?? [])];
  }

  take(no: number, lane: LaneName, hold: Duration): number {
    const id = this.#nextId();
    const slot = this.#inHand.enter(messageNoOf(no));
    this.#held.set(id, { no, lane, until: this.#clock.monotonic() + hold, settling: false, weighs: false, slot });
    const entries = this.#byLane.get(lane) ?? new Set();
    this.#byLane.set(lane, entries.add(no));
    return id;
  }

  /** It holds its message from now on. */
  weigh({ id, message }: Lease): void {
    const held = this.#held.get(id);
    if (!held || held.weighs) return;
    held.weighs = true;
    this.#bodies.hold(messageNoOf(held.no), held.lane, message.raw.length);
  }

  renew({ id }: Lease, hold: Duration): void {
    const held = this.#held.get(id);
    const now = this.#clock.monotonic();
    if (held && (held.settling || held.until > now)) held.until = now + hold;
  }

  /** The entry of a lease that holds; undefined when it is void or being settled. */
  entryOf({ id }: Lease): number | undefined {
    const held = this.#held.get(id);
    return held && !held.settling && held.until > this.#clock.monotonic() ? held.no : undefined;
  }

  /** The entry of a lease that may be settled now, or undefined when the lease is void. */
  startSettling({ id }: Lease): number | undefined {
    const held = this.#held.get(id);
    if (!held || held.settling || held.until <= this.#clock.monotonic()) return undefined;
    held.settling = true;
    return held.no;
  }

  /** The settlement could not be written: the lease holds as before. */
  stopSettling({ id }: Lease): void {
    const held = this.#held.get(id);
    if (held) held.settling = false;
  }

  /**
   * Ends a lease; its entry, which may be given again if it is still there. Undefined when it was void already. `isGone`: there is
   * nothing left of its message.
   */
  drop(id: number, isGone = false): number | undefined {
    const held = this.#held.get(id);
    if (!held) return undefined;
    this.#held.delete(id);
    this.#inHand.leave(held.slot, isGone);
    if (held.weighs) this.#bodies.drop(messageNoOf(held.no));
    const entries = this.#byLane.get(held.lane);
    entries?.delete(held.no);
    if (entries?.size === 0) this.#byLane.delete(held.lane);
    return held.no;
  }

  /** Ends every lease past its end that is not settling; answers the lanes that got entries back. */
  dropExpired(): Set<LaneName> {
    const now = this.#clock.monotonic();
    return this.#dropWhere((held) => held.until <= now);
  }

  /** The same of every lease. */
  dropAll(): Set<LaneName> {
    return this.#dropWhere(() => true);
  }

  #dropWhere(isVoid: (held: Held) => boolean): Set<LaneName> {
    const lanes = new Set<LaneName>();
    for (const [id, held] of this.#held) {
      if (held.settling || !isVoid(held)) continue;
      this.drop(id);
      lanes.add(held.lane);
    }
    return lanes;
  }
}
