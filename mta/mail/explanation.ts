/**
 * What is told of why mail waits, and what would happen to it now: for a lane's way, for a recipient, for a row of the
 * queue; and the order of those.
 */
import type { Duration, Instant } from '#lib/run/clock.ts';
import type { Firing } from './firing.ts';
import type { MessageId } from './message.ts';
import type { Suspension } from './suspension.ts';

/** One address of a pool: why it cannot send now, and what is left of its warm-up there today. */
export interface SourceState {
  readonly name: string;
  /** `''`: the machine chooses. */
  readonly address: string;
  readonly why?: string;
  readonly warmUp?: { readonly limit: number; readonly left: number };
}

/** `used` of `most` connections; or room for so many more under a rate, and when there is some again. */
export type LimitState =
  | { readonly kind: 'connections'; readonly name: string; readonly most: number; readonly used: number }
  | {
      readonly kind: 'rate';
      readonly name: string;
      readonly count: number;
      readonly perSeconds: number;
      readonly room: number;
      readonly wait: Duration;
    };

/** Whether a lane's mail would go now, and everything that has a say in it. */
export interface Outlook {
  readonly site: string;
  /** The address it would leave from; absent while it waits. */
  readonly from?: string;
  /** Why it waits; absent when it would go. */
  readonly why?: string;
  /** After how long it is asked again, where that is known. */
  readonly wait?: Duration;
  /** Why mail did not go there the last time. */
  readonly trouble?: string;
  readonly sources: readonly SourceState[];
  readonly limits: readonly LimitState[];
}

/** A recipient that waits, and what was said at its last attempt. */
export interface WaitingRecipient {
  readonly message: MessageId;
  readonly state: 'waiting' | 'leased' | 'suspended';
  readonly due: Instant;
  readonly attempts: number;
  readonly reply?: string;
}

/** How mail of a tenant by a pool goes to a recipient. */
export interface Way {
  readonly tenant: string;
  readonly pool: string;
  /** The reply that mail to them gets, because they are suppressed. */
  readonly suppressed?: string;
  readonly provider?: string;
  /** The policies that hold, the most specific first. */
  readonly policies: readonly string[];
  readonly tls: string;
  /** Where connections are tried, in order; or the reply that says why there is nowhere. */
  readonly hosts: readonly string[];
  readonly unroutable?: string;
  readonly outlook: Outlook;
  /** What rules over replies hold back at the site or the provider. */
  readonly restraints: readonly Firing[];
  /** Of the first that are due in each lane. */
  readonly waiting: readonly WaitingRecipient[];
}

export interface Explanation {
  readonly recipient: string;
  readonly ways: readonly Way[];
  /** The process that says so, where there are several. */
  readonly worker?: string;
  readonly missing?: readonly string[];
}

/** What waits of a tenant for a domain. */
export interface QueueRow {
  readonly tenant: string;
  readonly domain: string;
  readonly site: string;
  readonly depth: number;
  /** Held by the queue itself until somebody says so. */
  readonly suspended: number;
  /** When the oldest was accepted; there may be older ones when `isExact` is false. */
  readonly oldest?: Instant;
  readonly isExact: boolean;
  readonly next?: Instant;
  readonly reply?: string;
  readonly waitsFor: string;
}

export interface QueueView {
  readonly rows: readonly QueueRow[];
  /** Over all rows that fit, shown or not. */
  readonly recipients: number;
  readonly more: number;
  /** Of rows by name: after which one the next page begins; absent at the end. */
  readonly next?: string;
}

/** By which rows are told apart, and put in order where all are wanted. */
export const rowName = ({ tenant, domain }: Pick<QueueRow, 'tenant' | 'domain'>): string => `${tenant} ${domain}`;

/** The deepest first, or all by name. */
export const rowOrder = (byName: boolean) =>
  byName
    ? (a: QueueRowKey, b: QueueRowKey): number => (rowName(a) < rowName(b) ? -1 : 1)
    : (a: QueueRowKey, b: QueueRowKey): number => b.depth - a.depth;

type QueueRowKey = Pick<QueueRow, 'tenant' | 'domain' | 'depth'>;

/** What is known of mail that shares connections to a site. */
export interface SiteState {
  readonly site: string;
  readonly ready: string;
  readonly connections: number;
  readonly lanes: number;
  /** What it waits for; absent while it sends as much as it has. */
  readonly waitsFor?: string;
  /** Why mail did not go there the last time. */
  readonly trouble?: string;
  /** The process that says so, where there are several. */
  readonly worker?: string;
}

/** What rules over replies hold, and which process, where there are several. */
export type Restraint = Firing & { readonly worker?: string };

/** What a process that sends knows of its mail. */
export interface SendingState extends QueueView {
  /** Those with the most lanes. */
  readonly sites: readonly SiteState[];
  readonly moreSites: number;
  /** To receivers, over all sites. */
  readonly connections: number;
  readonly restraints: readonly Restraint[];
  /** A sentence for each part of the queue that gave no answer. */
  readonly missing?: readonly string[];
}

export interface QueueState extends SendingState {
  readonly suspensions: readonly Suspension[];
}

/** What was counted since the start, by what was counted: accepted, delivered, deferred, bounced, expired. */
export type Counts = Readonly<Record<string, number>>;

export interface Live {
  readonly at: Instant;
  readonly counts: Counts;
  /** What each process counted, where there are several. */
  readonly processes?: Readonly<Record<string, Counts>>;
  readonly missing?: readonly string[];
}
