/**
 * PORT: what the sending side asks of DNS, and the adapter on the platform's stub resolver.
 *
 * Promises: every answer is a value, nothing rejects; names come back in lower case without a final dot; "the name
 * does not exist" and "the name has no such record" are told apart; an answer takes `LOOKUP_BUDGET` at most.
 * Left to others: caching, order of preference, which addresses may be used. The platform hides TTLs and the AD bit,
 * so nothing built on this adapter can do DANE.
 */
import { Resolver as PlatformResolver } from 'node:dns/promises';
import { type Clock, type Duration, seconds } from '#lib/run/clock.ts';
import { codeOf } from '#lib/run/fault.ts';

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

export interface PlatformResolverOptions {
  readonly clock: Clock;
  /** `address` or `address:port`; absent means the machine's own. */
  readonly servers?: readonly string[];
}

const LOOKUP_BUDGET: Duration = seconds(10);
const TRY_TIMEOUT: Duration = seconds(3);

/** The machine's stub resolver. `close` cancels what is under way: those answers become `temporary`. */
export function platformResolver(options: PlatformResolverOptions): Resolver & { close(): void } {
  const platform = new PlatformResolver({ timeout: TRY_TIMEOUT, tries: 2 });
  if (options.servers) platform.setServers(options.servers);
  const { clock } = options;
  return {
    mx: async (domain) => inTime(clock, askMx(platform, domain)),
    addresses: async (host) => inTime(clock, askAddresses(platform, host)),
    txt: async (name) => inTime(clock, platform.resolveTxt(name).then(textsOf, unfound)),
    cname: async (name) => inTime(clock, platform.resolveCname(name).then(namesOf, unfound)),
    close: () => platform.cancel(),
  };
}

async function askMx(platform: PlatformResolver, domain: string): Promise<MxAnswer> {
  try {
    const records = await platform.resolveMx(domain);
    return {
      kind: 'found',
      records: records.map((record) => ({ preference: record.priority, exchange: hostName(record.exchange) })),
    };
  } catch (error) {
    return unfound(error);
  }
}

const textsOf = (records: string[][]): TextAnswer => ({ kind: 'found', texts: records.map((it) => it.join('')) });

const namesOf = (names: string[]): NameAnswer => ({ kind: 'found', names: names.map(hostName) });

async function askAddresses(platform: PlatformResolver, host: string): Promise<AddressAnswer> {
  const found = (addresses: string[]): AddressAnswer => ({ kind: 'found', addresses });
  const [four, six] = await Promise.all([
    platform.resolve4(host).then(found, unfound),
    platform.resolve6(host).then(found, unfound),
  ]);
  return bothFamilies(four, six);
}

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

/** c-ares' words. A name that cannot be put into a question cannot exist either. */
function unfound(error: unknown): Unfound {
  switch (codeOf(error)) {
    case 'ENODATA':
      return { kind: 'none' };
    case 'ENOTFOUND':
    case 'EBADNAME':
      return { kind: 'no-such-name' };
    default:
      return { kind: 'temporary', reason: codeOf(error) || 'lookup failed' };
  }
}

/** c-ares' own time-outs add up over tries and servers; this is their common end. */
async function inTime<Answer>(clock: Clock, answer: Promise<Answer>): Promise<Answer | Unfound> {
  const { promise: late, resolve } = Promise.withResolvers<Unfound>();
  const timer = clock.after(LOOKUP_BUDGET, () => resolve({ kind: 'temporary', reason: 'timeout' }));
  try {
    return await Promise.race([answer, late]);
  } finally {
    timer.cancel();
  }
}

const hostName = (name: string): string => name.toLowerCase().replace(/\.$/, '');
