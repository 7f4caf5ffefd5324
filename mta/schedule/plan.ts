/**
 * What holds for a lane's mail on its way: where it goes, and how much of it may go at a time. No I/O.
 *
 * Made by `plans.ts` from what is declared and what DNS says; read by the scheduler and by whoever opens a connection.
 */
import type { LaneSupply } from '../mail/turn.ts';
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
  /** Somebody has ordered that nothing of it goes: by whom, until when and why, for people. */
  readonly held?: string;
}

/** A connection's side of the scheduler. */
export interface Turn extends LaneSupply {
  /** Where to leave from. */
  readonly source: EgressSource;
}
