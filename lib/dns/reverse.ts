/**
 * Whether an address has a name that has the address: forward-confirmed reverse DNS, as receivers ask for it (RFC 8601 §2.7.3).
 *
 * Never rejects. A name that cannot be looked up now counts neither way.
 */
import { isIPv4 } from 'node:net';
import { parseDomain } from '#lib/address/domain.ts';
import { type LookUp } from './lookup.ts';
import { type Resolver, resolverOn } from './resolver.ts';

export type Reverse =
  | { readonly kind: 'confirmed'; readonly name: string }
  /** No record says a name. */
  | { readonly kind: 'nameless' }
  /** The name has other addresses, or none. */
  | { readonly kind: 'unconfirmed'; readonly name: string }
  | { readonly kind: 'unknown'; readonly reason: string };

/** More names than this say nothing: RFC 7208 §5.5 follows ten. */
const MOST_NAMES = 10;

export async function reverseOf(address: string, lookUp: LookUp): Promise<Reverse> {
  const found = await lookUp({ name: reverseName(address), type: 'PTR' });
  if (found.kind === 'temporary') return { kind: 'unknown', reason: found.reason };
  if (found.kind !== 'found') return { kind: 'nameless' };
  // Whoever has the zone may write anything there.
  const names = found.records.flatMap(({ data }) => hostIn(data) ?? []).slice(0, MOST_NAMES);
  const resolver = resolverOn(lookUp);
  const judged = await Promise.all(names.map((name) => judge(name, address, resolver)));
  const [first] = judged;
  const worst = judged.find(({ kind }) => kind === 'unknown') ?? first ?? { kind: 'nameless' };
  return judged.find(({ kind }) => kind === 'confirmed') ?? worst;
}

function hostIn(text: string): string | undefined {
  const read = parseDomain(text);
  return read.kind === 'domain' ? read.domain : undefined;
}

async function judge(name: string, address: string, resolver: Resolver): Promise<Reverse> {
  const answer = await resolver.addresses(name);
  if (answer.kind === 'temporary') return { kind: 'unknown', reason: answer.reason };
  const isBack = answer.kind === 'found' && answer.addresses.some((it) => reverseName(it) === reverseName(address));
  return { kind: isBack ? 'confirmed' : 'unconfirmed', name };
}

/** Where an address has its name: `1.2.0.192.in-addr.arpa`. */
export function reverseName(address: string): string {
  if (isIPv4(address)) return `${address.split('.').toReversed().join('.')}.in-addr.arpa`;
  const digits = groupsOf(address).map((it) => it.padStart(4, '0'));
  return `${Array.from(digits.join('')).toReversed().join('.')}.ip6.arpa`;
}

/** All eight groups of an IPv6 address, whatever its form. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [before, after] = [head, tail ?? ''].map((it) => it.split(':').filter((group) => group !== ''));
  const zeros = 8 - (before?.length ?? 0) - (after?.length ?? 0);
  return [...(before ?? []), ...Array.from({ length: zeros }, () => '0'), ...(after ?? [])];
}
