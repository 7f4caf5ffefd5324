/**
 * Whether a new connection may be opened now, and how many messages may go: everything that can stand in the way, asked
 * in order of price.
 *
 *     an order that holds it → the site's rest → a source → connection slots → the rate of openings → the rate of messages
 *
 * What was taken for a connection that is not opened after all has been given back. What stands in the way is an
 * answer that says until when, and under which name there may be room sooner.
 */
import type { Duration } from '#lib/run/clock.ts';
import type { Claim, Full, Limits, Slot } from './limits/limits.ts';
import type { End } from '../mail/turn.ts';
import type { Plan } from './plan.ts';
import type { Rests } from './rests.ts';
import { sourceAtSite, type SourceOffer, sourceRest, type Sources } from './source.ts';

export interface PermitParts {
  readonly limits: Limits;
  readonly rests: Rests;
  readonly sources: Pick<Sources, 'choose'>;
  /** Most connections at once, over all sites. */
  readonly connections: number;
}

/** The right to open one connection and send `messages` on it. Every permit is used or given back. */
export interface Permit {
  readonly kind: 'granted';
  readonly from: SourceOffer & { readonly kind: 'source' };
  readonly slot: Slot;
  readonly messages: number;
  /** What the messages were taken from. */
  readonly claims: readonly Claim[];
  /** It goes to see whether the site takes mail again. */
  readonly isProbe: boolean;
}

export interface Obstacle {
  readonly kind: 'later';
  /** For people. */
  readonly why: string;
  /** After how long it is worth asking again; undefined when only `name` tells, or a new plan. */
  readonly wait?: Duration;
  /** Told of when there is room under it. */
  readonly name?: string;
}

/** What every connection counts under. */
export const ALL_CONNECTIONS = 'all connections';

/** What is waited for while a site rests. */
export const restOf = (site: string): string => `rest of ${site}`;

export function permitFor(plan: Plan, most: number, parts: PermitParts): Permit | Obstacle {
  // No time is said: when orders change, what waits is planned anew.
  if (plan.held !== undefined) return { kind: 'later', why: plan.held };
  const rest = parts.rests.of(plan.site);
  const resting = { kind: 'later', why: 'the site could not be reached and rests', name: restOf(plan.site) } as const;
  if (rest.kind === 'wait') return { ...resting, wait: rest.wait };
  if (rest.kind === 'probed') return resting;
  const from = parts.sources.choose(plan.towards);
  if (from.kind === 'none') return { kind: 'later', why: from.why, wait: from.wait };
  const all = { name: ALL_CONNECTIONS, most: parts.connections, here: true } as const;
  const slot = parts.limits.connect([all, ...plan.slots, ...from.slots]);
  if ('full' in slot) return noRoom(slot);
  const claims = claimsOf(plan, from.claims);
  const messages = opening(plan, claims, most, parts.limits);
  if (typeof messages === 'number')
    return { kind: 'granted', from, slot, messages, claims, isProbe: rest.kind === 'probe' };
  slot.release();
  return messages;
}

/** How many messages may go, under the site's claims and those of a source. */
export function allowance(claims: readonly Claim[], most: number, limits: Limits): number | Obstacle {
  const { granted, wait } = limits.take(claims, most);
  return granted > 0 ? granted : { kind: 'later', why: 'the rate of messages', wait };
}

export const claimsOf = ({ rates }: Plan, ofSource: readonly Claim[]): readonly Claim[] =>
  ofSource.length > 0 ? [...rates, ...ofSource] : rates;

/** The names under which a permit's connection counts. */
export const namesOf = ({ from }: Permit, { slots }: Plan): readonly string[] => [
  ...[...slots, ...from.slots].map(({ name }) => name),
  ALL_CONNECTIONS,
];

/** A permit that was not used. Answers the names under which there is room again: somebody may wait for it by now. */
export function giveBackPermit(permit: Permit, plan: Plan, limits: Limits): readonly string[] {
  limits.giveBack(permit.claims, permit.messages);
  limits.giveBack(plan.openings, 1);
  permit.slot.release();
  return namesOf(permit, plan);
}

/** What the end of a connection says about who may be asked again when. */
export function learn({ site }: Plan, permit: Permit, end: End, why: string | undefined, rests: Rests): void {
  const source = permit.from.source.name;
  if (end === 'unreachable') rests.failed(site, why);
  else if (permit.isProbe) rests.abandoned(site);
  if (end === 'refused') rests.failed(sourceAtSite(source, site), why);
  if (end === 'unplumbed') rests.failed(sourceRest(source), why);
}

const noRoom = ({ full, wait }: Full): Obstacle => ({
  kind: 'later',
  why: `a connection: ${full} has all it may have`,
  name: full,
  ...(wait !== undefined && { wait }),
});

function opening(plan: Plan, claims: readonly Claim[], most: number, limits: Limits): number | Obstacle {
  const { granted, wait } = limits.take(plan.openings, 1);
  if (granted === 0) return { kind: 'later', why: 'the rate of new connections', wait };
  const messages = allowance(claims, most, limits);
  if (typeof messages !== 'number') limits.giveBack(plan.openings, 1);
  return messages;
}
