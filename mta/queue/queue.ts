/**
 * PORT: the queue. What was accepted and has not ended, durable, each recipient an entry of its own.
 *
 * Promises every adapter keeps (`queue.contract.ts` proves them on each):
 *
 * - Whoever puts need hold nothing: mail goes to shards by its recipients' domains, and each is held by one process. What is
 *   put where its shard is held is there when `put` resolves; elsewhere it comes within moments.
 * - When `put` resolves, the message and all its entries survive SIGKILL and power loss. If `put` rejects with a
 *   `Fault`, none of them is in the queue, or the caller was told before it could know: it answers 451 either way.
 * - An entry is leased to one caller at a time. A lease that is neither settled nor renewed by its end is void:
 *   the entry is given again, and the late holder's settlement is refused, not applied.
 * - A claim fences: after a shard is claimed anew, the older claim can neither lease nor settle.
 * - Bulk mail has lanes of its own; what should leave from an address again waits in a lane for that address.
 * - `settle` writes an outcome and its event in one transaction. Settling twice is harmless: the second is refused.
 * - What `intend` has said is known to whoever leases the entry next, also after a crash, until it is settled.
 * - What `cancel` has ended is never given again; what is leased at that moment is its holder's to settle.
 * - Nothing is given before its due time, and is given within a second after it while somebody watches.
 * - `depth` is exact, also after a crash, of the shards that are claimed here; so are `list` and `glance`. Memory is bounded by leases and lanes, not by the backlog; the bytes of leased
 *   messages are bounded over all leases together: a lease beyond that waits until others have ended.
 * - A message that was in hand at three crashes is set aside, with an event for each recipient, until somebody lets it go;
 *   at two it comes apart from others (`crashes.contract.ts`).
 * - A message's bytes go when its last entry has ended and no report is owed.
 *
 * Left to others: which lane may send now (`schedule/`), what an outcome is (`settle/`), how long a lease lasts (caller).
 */
import type { Duration, Instant } from '#lib/run/clock.ts';
import type { MailEvent } from '../mail/event.ts';
import type { Message, MessageId } from '../mail/message.ts';
import type { Outcome } from '../mail/outcome.ts';

/** One tenant's mail of one urgency for one recipient domain by one pool; Kumo's "scheduled queue". */
export interface Lane {
  readonly tenant: string;
  readonly pool: string;
  readonly domain: string;
  /** Absent: transactional, which goes first. */
  readonly priority?: 'bulk' | undefined;
  /** The address it left from before and should leave from again. */
  readonly from?: string | undefined;
}

/** A lane's name: `tenant pool domain`, then ` bulk` and ` from=address` where they hold. No part holds a space. */
export type LaneName = string;

export const laneName = ({ tenant, pool, domain, priority, from }: Lane): LaneName =>
  `${tenant} ${pool} ${domain}${priority ? BULK : ''}${from === undefined ? '' : FROM + from}`;

export function parseLane(name: LaneName): Lane {
  const [tenant = '', pool = '', domain = '', ...more] = name.split(' ');
  const from = more.find((it) => it.startsWith('from='))?.slice('from='.length);
  return { tenant, pool, domain, ...(isBulk(name) && { priority: 'bulk' }), ...(from !== undefined && { from }) };
}

const BULK = ' bulk';
const FROM = ' from=';

/** Whether a lane is of mail that may wait for other mail. */
export const isBulk = (name: LaneName): boolean => name.endsWith(BULK) || name.includes(`${BULK}${FROM}`);

/** Where an entry goes on waiting that should leave from an address again, or from any (undefined). */
export const laneFrom = (name: LaneName, from: string | undefined): LaneName =>
  from === undefined && !name.includes(FROM) ? name : laneName({ ...parseLane(name), from });

export const tenantOf = (name: LaneName): string => name.slice(0, name.indexOf(' '));

/** The right to lease and settle in a shard, until somebody claims it anew. */
export interface Claim {
  readonly shard: number;
  readonly epoch: number;
}

/** One recipient of one message, to be tried now. */
export interface Lease {
  /** Unique in the queue, for this lease only. */
  readonly id: number;
  readonly lane: LaneName;
  readonly message: Message;
  /** Which of `message.recipients` this is. */
  readonly index: number;
  readonly recipient: string;
  /** Attempts made before this one. */
  readonly attempts: number;
  /** `intend` was called for it in an earlier lease that ended without an outcome: the receiver may have it. */
  readonly inDoubt?: true;
}

/** What says when a message's life ends. */
export type Life = Pick<Message, 'acceptedAt' | 'notBefore' | 'expiresAt'>;

/** A place in a lane, in due order; after it goes what is due later, or as a later entry. */
export interface Place {
  readonly due: Instant;
  readonly entry: number;
}

/** Where to look, from the beginning or after a place, and for what. */
export interface Look {
  readonly from?: Place | undefined;
  readonly max: number;
  readonly isOver: (life: Life) => boolean;
}

/** Entries whose life had ended; `next` is undefined at the end of the lane. */
export interface Outlived {
  readonly leases: readonly Lease[];
  readonly next: Place | undefined;
}

/** How one lease ended. The outcome and its event become durable together. */
export interface Settlement {
  readonly lease: Lease;
  readonly outcome: Outcome;
  readonly event: MailEvent;
  /** The sender is owed a report of it (`unreported`). Of a recipient that waits one is owed at most once, however often said. */
  readonly owesReport?: boolean;
}

/** A message whose sender is owed one report of these events (RFC 3464): failed, delivered, or still waiting. */
export interface Unreported {
  readonly message: Message;
  readonly events: readonly { readonly index: number; readonly event: MailEvent }[];
}

export interface LaneDepth {
  readonly lane: LaneName;
  /** Entries that have not ended, leased ones included. */
  readonly depth: number;
}

/** Some of what is queued: everything that fits all that is given. */
export interface Selection {
  readonly tenant?: string;
  readonly pool?: string;
  readonly domain?: string;
  readonly message?: MessageId;
  /** One lane alone. */
  readonly lane?: LaneName;
}

/** What a look at a lane shows, whatever is in it. */
export interface Glance {
  /** When the next is due that waits; absent when all is suspended. */
  readonly next: Instant | undefined;
  /** When the oldest was accepted; `isExact` says whether all were looked at, or only those due first and last. */
  readonly oldest: Instant | undefined;
  readonly isExact: boolean;
  /** The one that is due last: most likely, it has been tried. */
  readonly latest: { readonly message: MessageId; readonly index: number } | undefined;
  readonly suspended: number;
}

/** A recipient that has not ended. */
export interface Pending {
  readonly message: MessageId;
  readonly index: number;
  readonly recipient: string;
  readonly lane: LaneName;
  /** When it is due; for a suspended one, when it was or would be. */
  readonly due: Instant;
  readonly attempts: number;
  readonly state: 'waiting' | 'leased' | 'suspended';
}

/**
 * What is done to a selection. `suspend`: not given until resumed. `resume`: as it was before. `retry`: due now,
 * resumed if it was suspended. `reroute`: leaves by another pool.
 */
export type Move =
  | { readonly kind: 'suspend' | 'resume' | 'retry' }
  | { readonly kind: 'reroute'; readonly pool: string };

/** Whose message it is that is cancelled; `by` goes into the events. */
export interface Cancelling {
  readonly tenant: string;
  readonly message: MessageId;
  readonly by: string;
}

/** A name for what is put, known until `until`; `hash` tells whether it is the same again. `note` is kept with it. */
export interface Once {
  readonly key: string;
  readonly hash: string;
  readonly until: Instant;
  readonly note: string;
}

/** `known`: it was put before, as that message. `conflict`: something else was. Then nothing is put. */
export type PutOnce =
  | { readonly kind: 'put' }
  | { readonly kind: 'known'; readonly id: MessageId; readonly note: string }
  | { readonly kind: 'conflict' };

/** Called when a lane has something due. Must not throw. */
export type LaneListener = (lane: LaneName) => void;

export interface Queue {
  /** Resolves when the message, an entry per recipient and their `queued` events are durable. Due from `notBefore` on. */
  put(message: Message): Promise<void>;
  /** Like `put`, but once for each key, however often and from wherever at once; key and message are durable together. */
  putOnce(message: Message, once: Once): Promise<PutOnce>;
  /** What `putOnce` under the key would find: undefined while it is free. */
  known(once: Pick<Once, 'key' | 'hash'>): Promise<PutOnce | undefined>;

  /**
   * Ends every recipient of a message that has not ended and is not leased: as cancelled, outcome and event in one
   * write. Answers their events, durable when it resolves. Needs no claim: whoever accepted mail may cancel it. Another
   * tenant's message, and one that is not there, has nothing to cancel. Cancelling again is harmless. Nobody is owed a
   * report of it.
   */
  cancel(cancelling: Cancelling): Promise<readonly MailEvent[]>;

  /** Takes a shard over from whoever had it. */
  claim(shard: number): Promise<Claim>;
  /**
   * Whether a lane is held by a claim now: asked before what cannot be taken back. Said at once where it is known; a process that was
   * stopped for a while and goes on asks. Does not end while nobody can say.
   */
  holds(claim: Claim, lane: LaneName): boolean | Promise<boolean>;
  /** Gives a shard up; its leases are void. Harmless when the claim is stale. */
  release(claim: Claim): Promise<void>;

  /**
   * Tells of each lane that has an entry due, at least once, and again after a `lease` of it came back short
   * (fewer than asked for) and something is due anew. One listener per claim.
   */
  watch(claim: Claim, listener: LaneListener): void;

  /**
   * Up to `max` due entries of a lane, oldest due first, held for `hold`; fewer, and at least one, when their messages are
   * large, so that a connection holds little. Empty when there are none or the claim is stale.
   */
  lease(claim: Claim, lane: LaneName, max: number, hold: Duration): Promise<Lease[]>;
  /**
   * Up to `max` more entries of the same message that are due in the same lane, held for `hold`: they share its bytes, so a
   * transaction may have many recipients. None when there are none, or the claim is stale.
   */
  leaseAlong(claim: Claim, lease: Lease, max: number, hold: Duration): Promise<Lease[]>;
  /**
   * Looks at up to `max` entries of a lane that wait and are due, in due order, and leases those whose life has ended: fewer
   * when they are large. For a lane that nobody can send from. Answers where to go on.
   */
  leaseOutlived(claim: Claim, lane: LaneName, look: Look, hold: Duration): Promise<Outlived>;
  /** Holds leases for `hold` from now. Those already void stay void. */
  renew(leases: readonly Lease[], hold: Duration): void;
  /**
   * Says that a message is about to be handed over for good, for whoever leases it after a crash. Resolves when durable:
   * true, or false when the lease is void. Its settlement forgets it.
   */
  intend(claim: Claim, lease: Lease): Promise<boolean>;
  /** Gives entries back untried; they are due at once. */
  giveBack(leases: readonly Lease[]): void;
  /** Resolves when durable, with the settlements that were refused because their lease was void. */
  settle(claim: Claim, settlements: readonly Settlement[]): Promise<readonly Settlement[]>;

  /**
   * Messages whose sender is owed a report now: every recipient in the shard has been tried at least once, and of some the
   * sender is to hear. Up to `max`.
   */
  unreported(claim: Claim, max: number): Promise<Unreported[]>;
  /** One step, also across crashes: puts the report (or none) and clears the debt for exactly the events given. */
  report(claim: Claim, owed: Unreported, dsn: Message | undefined): Promise<void>;

  /** Entries not ended, by lane, of the shards that are claimed here. */
  depth(): readonly LaneDepth[];
  /** A look at a lane that takes milliseconds at most, however much is in it. */
  glance(lane: LaneName): Promise<Glance>;
  /** Entries of a selection that have not ended, by lane and due time, up to `max`. */
  list(selection: Selection, max: number): Promise<readonly Pending[]>;
  /**
   * Moves every entry of a selection that is not leased, and answers how many; durable when it resolves. Lanes move one
   * by one: what arrives meanwhile may be missed. Moving again is harmless.
   */
  move(claim: Claim, selection: Selection, move: Move): Promise<number>;
  /**
   * Leases entries of a selection whatever their due time or state, so that they can be settled: bounced, cancelled. Up to
   * `max`; fewer, and at least one, when their messages are large.
   */
  seize(claim: Claim, selection: Selection, max: number, hold: Duration): Promise<Lease[]>;
}
