/**
 * PORT: whom mail of a tenant must not reach. A part of the ledger.
 *
 * Promises every adapter keeps (`suppressions.contract.ts` proves them on each): what resolved is durable and is seen by
 * every look-up from then on; all ways of writing an address that mean the same (`suppression.ts`) are one entry; an
 * entry that has expired is as if it were not there; no tenant sees or meets another's. Every change may be repeated.
 */
import type { Suppression } from '../../mail/suppression.ts';

/** Entries of a tenant, in an order that stays the same; `after` is the key of the last one seen. */
export interface Page {
  readonly after?: string;
  readonly limit: number;
}

export interface Suppressions {
  /**
   * Adds entries; one that is there and lasts at least as long stays as it is. Many are written in slices, between which
   * others write; a rejection may leave the first slices written.
   */
  suppress(tenant: string, entries: readonly Suppression[]): Promise<void>;
  /** Writes one entry in place of whatever was there. */
  replace(tenant: string, entry: Suppression): Promise<void>;
  /** Removes the entry of a subject, and answers it; undefined when there was none. */
  unsuppress(tenant: string, subject: string): Promise<Suppression | undefined>;
  /** The entry of exactly this subject: an address is not found by its domain's. */
  find(tenant: string, subject: string): Promise<Suppression | undefined>;
  list(tenant: string, page: Page): Promise<readonly Suppression[]>;
  /**
   * What keeps mail from a recipient, in canonical form: the entry of the address, else that of its domain. Answers at
   * once where there is nothing, but for a few in a thousand; a promise only where somebody has to look.
   */
  match(tenant: string, recipient: string): undefined | Promise<Suppression | undefined>;
}
