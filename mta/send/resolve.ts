/**
 * From a recipient's domain to the places that take its mail, most preferred first (RFC 5321 §5.1, RFC 7505).
 *
 * Promises: at least one target, or the reply that says why there is none; at most `MOST_TARGETS`, however much a
 * hostile zone answers, after `LOOKUP_BUDGET` at most, however slowly; never an address `mayConnect` refuses; never a
 * place where we take mail ourselves, nor one that is less preferred; equals in random order, so that load spreads.
 * Left to others: caching, trying the targets (`dial.ts`), longer loops (Received fields are counted at acceptance).
 */
import { isIP } from 'node:net';
import type { AddressAnswer, MxRecord, Resolver } from '#lib/dns/resolver.ts';
import { type Clock, type Duration, seconds } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import { type Reply, reply } from '../mail/reply.ts';
import { hostAndPort, mayConnect, type Target } from './target.ts';

const SMTP_PORT = 25;
const MOST_HOSTS = 20;
const MOST_ADDRESSES = 100;
const MOST_TARGETS = 5;
/** For all questions of one resolution together. */
const LOOKUP_BUDGET: Duration = seconds(10);

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
  readonly own: OwnPlaces;
  /** One address of each host, so that there is room for more hosts. */
  readonly isByHost?: boolean;
}

/** Where we take mail on port 25 ourselves: an MX that leads there would give us our own mail again. */
export interface OwnPlaces {
  readonly names: ReadonlySet<string>;
  readonly addresses: ReadonlySet<string>;
}

/** What sending asks of DNS. */
type MailResolver = Pick<Resolver, 'mx' | 'addresses'>;

export type Resolution =
  /** `missing`: why there may be more, if DNS did not answer for a host. */
  | { readonly kind: 'targets'; readonly targets: readonly Target[]; readonly missing?: Reply }
  | { readonly kind: 'unroutable'; readonly reply: Reply };

/** A host to look up. Lower `preference` goes first. */
interface Candidate extends Route {
  readonly preference: number;
  readonly named?: true;
  /** An MX says so: `host` is a name, even if it looks like an address (RFC 5321 §5.1 has no other). */
  readonly isExchange?: true;
}

/** The families a local address can use: its own, or both for `''`, IPv4 first because its reputation is older. */
export function familiesOf(sourceAddress: string): readonly Family[] {
  if (sourceAddress === '') return [4, 6];
  return isIP(sourceAddress) === 6 ? [6] : [4];
}

export interface ResolveSetup {
  readonly resolver: MailResolver;
  readonly clock: Clock;
  readonly random: Random;
}

/** Where the mail of `destination` goes now. Never rejects unless the resolver does. */
export async function resolve(
  destination: Destination,
  { resolver, clock, random }: ResolveSetup,
): Promise<Resolution> {
  const { promise: late, resolve: end } = Promise.withResolvers<typeof LATE>();
  const timer = clock.after(LOOKUP_BUDGET, () => end(LATE));
  const inTime: MailResolver = {
    mx: (domain) => Promise.race([resolver.mx(domain), late]),
    addresses: (host) => Promise.race([resolver.addresses(host), late]),
  };
  try {
    return await resolveWith(destination, inTime, random);
  } finally {
    timer.cancel();
  }
}

const LATE = { kind: 'temporary', reason: 'DNS took longer than ten seconds' } as const;

async function resolveWith(destination: Destination, resolver: MailResolver, random: Random): Promise<Resolution> {
  const hosts = await candidatesOf(destination, resolver);
  if ('code' in hosts) return { kind: 'unroutable', reply: hosts };
  const { own, families, allowPrivate } = destination;
  const ownName = mostPreferred(hosts.filter((it) => !it.named && own.names.has(it.host)));
  const chosen = choose(
    hosts.filter((it) => it.preference < ownName),
    random,
  );
  const answers = await Promise.all(chosen.map(async (host) => addressesOf(host, resolver)));
  const placed = chosen.flatMap((host, at) => targetsOf(host, answers[at]));
  const ownAddress = mostPreferred(placed.filter((it) => !it.named && own.addresses.has(it.address)));
  const before = placed.filter((it) => it.preference < ownAddress);
  const levels = [...Map.groupBy(before, (it) => it.preference).values()];
  const targets = levels
    .flatMap((level) => ordered(level, families, random))
    .filter((target) => mayConnect(target, allowPrivate));
  const missing = whyMissing(answers);
  const wanted = (destination.isByHost ? byHost(targets) : targets).slice(0, MOST_TARGETS);
  if (wanted.length > 0) return { kind: 'targets', targets: wanted, ...(missing && { missing }) };
  const isLoop = hosts.every((it) => it.preference >= Math.min(ownName, ownAddress));
  return { kind: 'unroutable', reply: isLoop ? OWN_MX : whyNone(answers, before, allowPrivate) };
}

/** The first of each host. */
const byHost = (targets: readonly Target[]): Target[] =>
  [...Map.groupBy(targets, hostAndPort).values()].flatMap((them) => them.slice(0, 1));

/** RFC 5321 §5.1: we and all less preferred hosts are passed over; nobody is left when we are the most preferred. */
const OWN_MX = reply(550, '5.4.6', 'the most preferred mail host is this system itself: mail would go in a circle');

/** The preference of the first to be tried; Infinity for none. */
const mostPreferred = (candidates: readonly { readonly preference: number }[]): number =>
  candidates.reduce((least, it) => Math.min(least, it.preference), Infinity);

/** The most preferred ones, by chance among equals when there are too many. */
const choose = (hosts: readonly Candidate[], random: Random): readonly Candidate[] =>
  shuffle(hosts, random)
    .toSorted((a, b) => a.preference - b.preference)
    .slice(0, MOST_HOSTS);

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
  return reply(451, statusOf(answer), `no answer from DNS for the MX of ${domain}: ${answer.reason}`);
}

/** A null MX beside real ones is an error of the zone and is passed over. */
function exchangesOf(records: readonly MxRecord[]): readonly Candidate[] | Reply {
  const real = records.filter((record) => record.exchange !== '');
  if (real.length === 0) return reply(556, '5.1.10', 'the domain takes no mail (null MX)');
  return real.map(({ exchange, preference }) => ({ host: exchange, port: SMTP_PORT, preference, isExchange: true }));
}

/** Only a domain without any MX is its own mail host. Without an address it is as wrong as one that does not exist. */
async function implicitMx(domain: string, resolver: MailResolver): Promise<readonly Candidate[] | Reply> {
  const answer = await resolver.addresses(domain);
  if (answer.kind === 'found' || answer.kind === 'temporary') return [direct(domain)];
  return reply(550, '5.1.2', `domain ${domain} has neither MX nor address`);
}

const direct = (host: string): Candidate => ({ host, port: SMTP_PORT, preference: 0 });

async function addressesOf({ host, isExchange }: Candidate, resolver: MailResolver): Promise<AddressAnswer> {
  return isIP(host) && !isExchange ? { kind: 'found', addresses: [host] } : resolver.addresses(host);
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

function whyMissing(answers: readonly AddressAnswer[]): Reply | undefined {
  const unknown = answers.find((answer) => answer.kind === 'temporary');
  return unknown && reply(451, statusOf(unknown), `no answer from DNS for a mail host: ${unknown.reason}`);
}

/** Hosts without a usable address are the receiver's mistake and may be mended: permanent only if all are private. */
function whyNone(answers: readonly AddressAnswer[], placed: readonly Placed[], allowPrivate: readonly string[]): Reply {
  const missing = whyMissing(answers);
  if (missing) return missing;
  const isPrivate = placed.length > 0 && placed.every((target) => !mayConnect(target, allowPrivate));
  if (isPrivate && answers.every((answer) => answer.kind === 'found'))
    return reply(550, '5.4.4', 'the mail hosts have private addresses only');
  if (placed.length > 0) return reply(451, '4.4.4', 'no mail host has an address this source may and can connect to');
  return reply(451, '4.4.4', 'no mail host has an address');
}

/** Servers that do not answer, or a zone that keeps us waiting with one question after the other. */
const statusOf = ({ reason }: { readonly reason: string }): string => (reason === LATE.reason ? '4.4.4' : '4.4.3');
