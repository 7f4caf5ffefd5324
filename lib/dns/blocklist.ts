/**
 * Whether a blocklist in DNS has an address (RFC 5782).
 *
 * Never rejects. Only an answer in 127.0.0.0/8 is a listing (§2.1), and none of 127.255.255.0/24, by which lists say that they do not serve
 * the resolver that asked. A list that has 127.0.0.1, which none may have (§5), has ended or is somebody else's: it says nothing.
 */
import { isIPv4 } from 'node:net';
import { matchesNetwork } from './private-address.ts';
import type { LookUp } from './lookup.ts';
import { reverseName } from './reverse.ts';

export type Listing =
  | { readonly kind: 'listed' | 'not-listed' }
  | { readonly kind: 'unknown'; readonly reason: string };

const NEVER_LISTED = '127.0.0.1';
const LISTINGS = '127.0.0.0/8';
const REFUSALS = '127.255.255.0/24';

export async function listingOf(address: string, list: string, lookUp: LookUp): Promise<Listing> {
  const said = await ask(address, list, lookUp);
  if (said.kind !== 'listed') return said;
  const control = await ask(NEVER_LISTED, list, lookUp);
  if (control.kind === 'not-listed') return said;
  return control.kind === 'unknown' ? control : { kind: 'unknown', reason: `${list} lists everything` };
}

async function ask(address: string, list: string, lookUp: LookUp): Promise<Listing> {
  const found = await lookUp({ name: `${nameOf(address)}.${list}`, type: 'A' });
  if (found.kind === 'temporary') return { kind: 'unknown', reason: found.reason };
  if (found.kind !== 'found') return { kind: 'not-listed' };
  const answers = found.records.map(({ data }) => data);
  if (answers.some((it) => matchesNetwork(it, REFUSALS)))
    return { kind: 'unknown', reason: `${list} does not answer this resolver` };
  const isListing = answers.some((it) => isIPv4(it) && matchesNetwork(it, LISTINGS));
  return isListing ? { kind: 'listed' } : { kind: 'unknown', reason: `${list} answers what no blocklist does` };
}

/** As names of addresses are, without their zone. */
const nameOf = (address: string): string => reverseName(address).replace(/\.(in-addr|ip6)\.arpa$/, '');
