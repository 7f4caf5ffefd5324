/**
 * From a recipient's domain to the places that take its mail, most preferred first (RFC 5321 §5.1, RFC 7505).
 *
 * Promises: at least one target, or the reply that says why there is none; at most `MOST_TARGETS`, however much a
 * hostile zone answers; never an address `mayConnect` refuses; equals in random order, so that load spreads.
 * Left to others: caching, trying the targets (`dial.ts`), loops back to ourselves (counted by Received fields).
 */
import { isIP } from 'node:net';
import type { AddressAnswer, MxRecord, Resolver } from '#lib/dns/resolver.ts';
import type { Random } from '#lib/run/random.ts';
import { type Reply, reply } from '../reply.ts';
import { mayConnect, type Target } from './target.ts';

const SMTP_PORT = 25;
const MOST_HOSTS = 20;
const MOST_ADDRESSES = 100;
const MOST_TARGETS = 5;

export type Family = 4 | 6;

export interface Route {
  /** Name or IP address. */
  readonly host: string;
  readonly port: number;
}

export interface Destination {
  /** Recipient domain in A-labels, or an address literal in brackets. */
  readonly domain: string;
  /** Static routes in order of preference; when there is one, DNS is not asked for MX. */
  readonly routes: readonly Route[];
  /** Families the source can use, the preferred one first (`familiesOf`). */
  readonly families: readonly Family[];
  /** Private networks that may be connected to, in CIDR form. */
  readonly allowPrivate: readonly string[];
}

/** What sending asks of DNS. */
type MailResolver = Pick<Resolver, 'mx' | 'addresses'>;

export type Resolution =
  | { readonly kind: 'targets'; readonly targets: readonly Target[] }
  | { readonly kind: 'unroutable'; readonly reply: Reply };

/** A host to look up. Lower `preference` goes first. */
interface Candidate extends Route {
  readonly preference: number;
  readonly named?: true;
}

/** The families a local address can use: its own, or both for `''`, IPv4 first because its reputation is older. */
export function familiesOf(sourceAddress: string): readonly Family[] {
  if (sourceAddress === '') return [4, 6];
  return isIP(sourceAddress) === 6 ? [6] : [4];
}

/** Where the mail of `destination` goes now. Never rejects unless the resolver does. */
export async function resolve(destination: Destination, resolver: MailResolver, random: Random): Promise<Resolution> {
  const hosts = await candidatesOf(destination, resolver);
  if ('code' in hosts) return { kind: 'unroutable', reply: hosts };
  const chosen = hosts.toSorted((a, b) => a.preference - b.preference).slice(0, MOST_HOSTS);
  const answers = await Promise.all(chosen.map(async (host) => addressesOf(host.host, resolver)));
  const levels = Map.groupBy(
    chosen.flatMap((host, at) => targetsOf(host, answers[at])),
    (found) => found.preference,
  );
  const found = [...levels.values()].flatMap((level) => ordered(level, destination.families, random));
  const allowed = found.filter((target) => mayConnect(target, destination.allowPrivate)).slice(0, MOST_TARGETS);
  if (allowed.length > 0) return { kind: 'targets', targets: allowed };
  return { kind: 'unroutable', reply: whyNone(answers, found.length > 0) };
}

async function candidatesOf(destination: Destination, resolver: MailResolver): Promise<readonly Candidate[] | Reply> {
  const { domain, routes } = destination;
  if (routes.length > 0)
    return routes.map(({ host, port }, preference) => ({ host: host.toLowerCase(), port, preference, named: true }));
  const literal = /^\[(?:IPv6:)?(.*)\]$/i.exec(domain)?.[1];
  if (literal !== undefined) return isIP(literal) ? [direct(literal)] : reply(550, '5.1.2', 'bad address literal');
  const answer = await resolver.mx(domain);
  if (answer.kind === 'found') return exchangesOf(answer.records);
  if (answer.kind === 'none') return implicitMx(domain, resolver);
  if (answer.kind === 'no-such-name') return reply(550, '5.1.2', `domain ${domain} does not exist`);
  return reply(451, '4.4.3', `no answer from DNS for the MX of ${domain}: ${answer.reason}`);
}

/** A null MX beside real ones is an error of the zone and is passed over. */
function exchangesOf(records: readonly MxRecord[]): readonly Candidate[] | Reply {
  const real = records.filter((record) => record.exchange !== '');
  if (real.length === 0) return reply(556, '5.1.10', 'the domain takes no mail (null MX)');
  return real.map(({ exchange, preference }) => ({ host: exchange, port: SMTP_PORT, preference }));
}

/** Only a domain without any MX is its own mail host. Without an address it is as wrong as one that does not exist. */
async function implicitMx(domain: string, resolver: MailResolver): Promise<readonly Candidate[] | Reply> {
  const answer = await resolver.addresses(domain);
  if (answer.kind === 'found' || answer.kind === 'temporary') return [direct(domain)];
  return reply(550, '5.1.2', `domain ${domain} has neither MX nor address`);
}

const direct = (host: string): Candidate => ({ host, port: SMTP_PORT, preference: 0 });

async function addressesOf(host: string, resolver: MailResolver): Promise<AddressAnswer> {
  return isIP(host) ? { kind: 'found', addresses: [host] } : resolver.addresses(host);
}

type Placed = Target & { readonly preference: number };

function targetsOf(candidate: Candidate, answer: AddressAnswer | undefined): Placed[] {
  if (answer?.kind !== 'found') return [];
  return answer.addresses.slice(0, MOST_ADDRESSES).map((address) => Object.assign({ address }, candidate));
}

/** One level of preference: shuffled, then by family; addresses of families the source has not are dropped. */
function ordered(level: readonly Placed[], families: readonly Family[], random: Random): Target[] {
  const shuffled = shuffle(level, random);
  return families.flatMap((family) => shuffled.filter((target) => isIP(target.address) === family).map(asTarget));
}

const asTarget = ({ host, address, port, named }: Placed): Target =>
  named ? { host, address, port, named } : { host, address, port };

/** Fisher–Yates. */
function shuffle<Item>(items: readonly Item[], random: Random): Item[] {
  const shuffled: Item[] = [];
  for (const item of items) {
    const at = Math.floor(random.fraction() * (shuffled.length + 1));
    shuffled.push(shuffled[at] ?? item);
    shuffled[at] = item;
  }
  return shuffled;
}

/** Hosts without a usable address are the receiver's mistake and may be mended: permanent only if all are refused. */
function whyNone(answers: readonly AddressAnswer[], refused: boolean): Reply {
  if (answers.some((answer) => answer.kind === 'temporary'))
    return reply(451, '4.4.3', 'no answer from DNS for the address of any mail host');
  if (refused) return reply(550, '5.4.4', 'the mail hosts have private addresses only');
  if (answers.some((answer) => answer.kind === 'found'))
    return reply(451, '4.4.4', 'no mail host has an address of a family this source can use');
  return reply(451, '4.4.4', 'no mail host has an address');
}
