/**
 * Who holds a domain that several resources name: the oldest claim whose own key has been seen in DNS. Pure.
 *
 * A claim that is not verified blocks nobody, however old it is.
 */
import type { Instant } from '#lib/run/clock.ts';
import { isVerified, type Latch } from './latch.ts';

export interface Claim {
  /** The resource: `namespace/name`. */
  readonly resource: string;
  readonly domain: string;
  readonly claimedAt: Instant;
  readonly latch: Latch;
}

/** Of claims to one domain the one that holds; undefined while none is verified. */
export const holderOf = <Any extends Claim>(claims: readonly Any[]): Any | undefined =>
  claims
    .filter(({ latch }) => isVerified(latch))
    .toSorted((one, other) => one.claimedAt - other.claimedAt || compare(one.resource, other.resource))[0];

const compare = (one: string, other: string): number => (one < other ? -1 : Number(one > other));
