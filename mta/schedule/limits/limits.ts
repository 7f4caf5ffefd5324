/**
 * PORT: limits. How many messages and connections may go now, counted together by everything that uses a name.
 *
 * Promises every adapter keeps (`limits.contract.ts` proves them on each), over all processes that share it:
 *
 * - `take` grants the same number under every claim, or none under any: never more than a claim allows.
 * - A rate of 600 a minute or more is kept within 5 % in every minute as long as somebody asks; a smaller one never
 *   lets more than `count` and its burst go in any window of its own length.
 * - A budget never grants more than `limit` before its `ends`; what is given back may be taken again.
 * - Of the connections under a name at most `most` are open at once, over everybody; a slot is given back once.
 * - Every answer is at hand. An adapter that shares limits with others takes some of them ahead; what it has not yet it
 *   refuses, with a wait of milliseconds. While it cannot reach the others it is neither open nor closed: everybody
 *   together goes at a quarter of a rate at least and at all of it at most, spends what was taken of budgets, and keeps
 *   the connections it had and half of its share, or one, under other names.
 * - What a process held that died is free again after seconds.
 * - Memory is bounded by what was used lately, not by all names ever used.
 *
 * Left to others: which names and limits hold for whom, and what to do meanwhile (`../scheduler.ts`).
 */
import type { Duration, Instant } from '#lib/run/clock.ts';
import type { Rate } from '../../mail/gcra.ts';

/** So much over time, under a name such as `site mx.example.net`. */
export interface RateClaim {
  readonly kind: 'rate';
  readonly name: string;
  readonly rate: Rate;
}

/** So much until a point in time, and then as much anew under another name: the warm-up of a day. */
export interface BudgetClaim {
  readonly kind: 'budget';
  readonly name: string;
  readonly limit: number;
  readonly ends: Instant;
}

export type Claim = RateClaim | BudgetClaim;

/** `wait`: after how long it is worth asking again; 0 when everything asked for was granted. */
export interface Grant {
  readonly granted: number;
  readonly wait: Duration;
}

/** Most connections at once under a name. */
export interface SlotClaim {
  readonly name: string;
  readonly most: number;
  /** It is this process's own: others may have as many. */
  readonly here?: true;
}

/** The right to one connection. */
export interface Slot {
  /** Gives it back; a second call is harmless. */
  release(): void;
  /** Another process waits for it, and it is that one's turn: it should be given back when its message is sent. */
  readonly isWanted: boolean;
}

/** The name that has no room. `wait`: after how long it is worth asking again; absent when a slot given back here tells. */
export interface Full {
  readonly full: string;
  readonly wait?: Duration;
}

export interface Limits {
  /** Takes up to `max` under all claims. */
  take(claims: readonly Claim[], max: number): Grant;
  /** Returns what was granted and not used. */
  giveBack(claims: readonly Claim[], count: number): void;
  /** What `take` might grant of a claim, as far as is known here. Takes nothing and asks nobody: for people. */
  room(claim: Claim, max: number): Grant;
  /** A connection under every name, or the first name that has no room. */
  connect(claims: readonly SlotClaim[]): Slot | Full;
  /** Connections open under a name, as far as is known here. */
  used(name: string): number;
}
