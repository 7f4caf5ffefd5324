/**
 * Where mail that comes back may go, and whose messages it may be about.
 */
import type { Returning } from '../../mail/return-path.ts';

/** A recipient and whose it is. */
export interface Returned extends Returning {
  readonly tenant: string;
}

/** `all`: an address of the machine's own. */
export type Tenants = readonly string[] | 'all';

export type Place =
  /** A valid return path: it says what came back. */
  | ({ readonly kind: 'return-path' } & Returned)
  /** Another address at a host of return paths: mail to it counts when it says itself what it is about. */
  | { readonly kind: 'host'; readonly tenants: Tenants }
  /** Declared for complaints, or postmaster: whatever comes is kept, also when it is about nothing of ours. */
  | { readonly kind: 'feedback'; readonly tenants: Tenants };

/** What addresses take mail back now. */
export interface ReturnPlaces {
  readonly isOpen: boolean;
  placeOf(address: string): Place | undefined;
  /** What a return path says, found anywhere. */
  read(address: string): Returned | undefined;
}

export const includes = (tenants: Tenants, tenant: string): boolean => tenants === 'all' || tenants.includes(tenant);
