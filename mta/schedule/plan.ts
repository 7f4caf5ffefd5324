/**
 * What holds for a lane's mail on its way: where it goes, and how much of it may go at a time. No I/O.
 *
 * Made by `plans.ts` from what is declared and what DNS says; read by the scheduler and by whoever opens a connection.
 */
import type { Duration } from '#lib/run/clock.ts';
import type { Claim, SlotClaim } from './limits/limits.ts';
import type { EgressSource, Towards } from './source.ts';

export interface Plan {
  /**
   * Name of the ready queue: lanes with the same one share connections. Everything that shapes a connection is part of
   * it, so that no lane ever travels on a connection made under other rules.
   */
  readonly ready: string;
  /** What is meant by "the receiver": what rests when it cannot be reached. */
  readonly site: string;
  readonly towards: Towards;
  /** Most connections of this ready queue. */
  readonly connections: number;
  /** What each connection counts under, beside its source. */
  readonly slots: readonly SlotClaim[];
  /** What opening a connection counts under. */
  readonly openings: readonly Claim[];
  /** What each message counts under, beside its source. */
  readonly rates: readonly Claim[];
}

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

/** A connection's side of the scheduler. Every turn ends with exactly one `leave`. */
export interface Turn {
  /** What to begin with. */
  readonly offer: Offer;
  /** Where to leave from. */
  readonly source: EgressSource;
  /** The lane has, or may have, more that is due: it goes to the end of its tenant's turn. */
  putBack(lane: string): void;
  /** Of what an offer allowed, so much was not used. */
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
