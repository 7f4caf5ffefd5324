/**
 * PORT: what is asked of DNS.
 *
 * Promises: every answer is a value, nothing rejects; names come back in lower case without a final dot; "the name
 * does not exist" and "the name has no such record" are told apart; an answer takes ten seconds or so at most.
 * Left to others: order of preference, which addresses may be used. Adapters: `stub.ts` asks recursive
 * resolvers and caches; `authoritative.ts` asks the servers of the zone itself, for what is new.
 */
import type { Lookup, LookUp } from './lookup.ts';

export interface MxRecord {
  readonly preference: number;
  /** Host name; `''` is the root, which means that the domain takes no mail (RFC 7505). */
  readonly exchange: string;
}

/** `none`: the name exists without such a record. `temporary`: nobody could say; `reason` is for people. */
type Unfound =
  | { readonly kind: 'none' }
  | { readonly kind: 'no-such-name' }
  | { readonly kind: 'temporary'; readonly reason: string };

export type MxAnswer = { readonly kind: 'found'; readonly records: readonly MxRecord[] } | Unfound;

/** `addresses` of both families, as text. Found as soon as one family is, even if the other could not be asked. */
export type AddressAnswer = { readonly kind: 'found'; readonly addresses: readonly string[] } | Unfound;

/** One string per TXT record: its character-strings joined, as SPF and DKIM read them. */
export type TextAnswer = { readonly kind: 'found'; readonly texts: readonly string[] } | Unfound;

export type NameAnswer = { readonly kind: 'found'; readonly names: readonly string[] } | Unfound;

export interface Resolver {
  /** The MX records of a domain, in no particular order. Asking again is harmless. */
  mx(domain: string): Promise<MxAnswer>;
  /** The A and AAAA records of a host. Asking again is harmless. */
  addresses(host: string): Promise<AddressAnswer>;
  /** The TXT records of a name. Asking again is harmless. */
  txt(name: string): Promise<TextAnswer>;
  /** What a name is an alias of: one name unless the zone is wrong. Asking again is harmless. */
  cname(name: string): Promise<NameAnswer>;
}

/** The port, on anything that answers single questions. */
export function resolverOn(lookUp: LookUp): Resolver {
  const ask = async (text: string, type: 'MX' | 'A' | 'AAAA' | 'TXT' | 'CNAME'): Promise<Lookup> =>
    lookUp({ name: text.toLowerCase().replace(/\.$/, ''), type });
  return {
    mx: async (domain) => mxOf(await ask(domain, 'MX')),
    addresses: async (host) => {
      const [four, six] = await Promise.all([ask(host, 'A'), ask(host, 'AAAA')]);
      return bothFamilies(addressesOf(four), addressesOf(six));
    },
    txt: async (name) => {
      const found = await ask(name, 'TXT');
      return found.kind === 'found' ? { kind: 'found', texts: dataOf(found) } : unfound(found);
    },
    cname: async (name) => {
      const found = await ask(name, 'CNAME');
      return found.kind === 'found' ? { kind: 'found', names: dataOf(found) } : unfound(found);
    },
  };
}

type Found = Extract<Lookup, { kind: 'found' }>;

const dataOf = ({ records }: Found): readonly string[] => records.map((it) => it.data);

/** Without what only caches and validators want to know. */
function unfound(lookup: Exclude<Lookup, Found>): Unfound {
  return lookup.kind === 'temporary' ? lookup : { kind: lookup.kind };
}

function mxOf(lookup: Lookup): MxAnswer {
  if (lookup.kind !== 'found') return unfound(lookup);
  return {
    kind: 'found',
    records: lookup.records.map(({ preference, data }) => ({ preference, exchange: data })),
  };
}

const addressesOf = (lookup: Lookup): AddressAnswer =>
  lookup.kind === 'found' ? { kind: 'found', addresses: dataOf(lookup) } : unfound(lookup);

/** One answer from those of two families: what was found wins, then what is uncertain, then that the name exists. */
export function bothFamilies(four: AddressAnswer, six: AddressAnswer): AddressAnswer {
  if (four.kind === 'found' && six.kind === 'found')
    return { kind: 'found', addresses: [...four.addresses, ...six.addresses] };
  for (const kind of ['found', 'temporary', 'none'] as const) {
    if (four.kind === kind) return four;
    if (six.kind === kind) return six;
  }
  return four;
}
