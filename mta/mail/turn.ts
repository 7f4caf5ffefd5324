/**
 * A connection's turn: what it may send, what it tells of how that goes, and how it ends. Types only.
 *
 * Given by whoever schedules, taken by whoever sends; every turn ends with exactly one `leave`.
 */
import type { Duration } from '#lib/run/clock.ts';

/** A lane a connection may send from now, and how many messages of it. */
export interface Offer {
  readonly lane: string;
  readonly most: number;
}

/**
 * How a connection ended. `unreachable`: nobody there could be talked to, the site rests. `refused`: it does not want
 * this source, which rests there. `unplumbed`: the address cannot be bound to, the source rests everywhere.
 */
export type End = 'done' | 'unreachable' | 'refused' | 'unplumbed';

export interface LaneSupply {
  /** What to begin with. */
  readonly offer: Offer;
  /** The lane has, or may have, more that is due: it goes to the end of its tenant's turn. */
  putBack(lane: string): void;
  /** How many more messages than an offer said may go under it now, of `most` that would: further recipients of one. */
  more(offer: Offer, most: number): number;
  /** Of what an offer, and `more` under it, allowed, so much was not used. The newest offer only. */
  unused(offer: Offer, messages: number): void;
  /** The next offer; waits up to `idle` for one, then answers undefined. */
  next(idle: Duration): Promise<Offer | undefined>;
  /** The site took part in a transaction, whatever it said of it. */
  taken(): void;
  /** The site asked for less: it closed the connection, or said 421. */
  pushedBack(): void;
  /** How long everything rests if this connection ends so. */
  pauseAfter(end: End): Duration;
  /** Why mail did not go here the last time; undefined when it did. */
  readonly trouble: string | undefined;
  /** False once nothing more should be begun. */
  readonly goesOn: boolean;
  /** `why`: unless it is `done`, in the words of who said so. */
  leave(end: End, why?: string): void;
}
