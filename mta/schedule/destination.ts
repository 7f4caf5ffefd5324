/**
 * Which rules hold for a destination: its most specific `DestinationPolicy`, over what is shipped for its provider, over
 * the cluster's defaults.
 *
 * An exact domain beats a pattern, a longer pattern a shorter one, a mail exchanger's name and its provider beat
 * `all`; among equals the older wins, then the name. A policy by mail exchanger or provider holds only when all
 * exchangers fit, and its limits hold over all sites of the provider together; any other's hold for each site.
 * Pure, remembered per domain and hosts until the resources change.
 */
import { keyOf } from '#crds/resource.ts';
import type { DestinationPolicy, Match } from '#crds/kinds/destination-policy.ts';
import type { MTAClusterSpec } from '#crds/kinds/mta-cluster.ts';
import { type Duration, seconds } from '#lib/run/clock.ts';
import type { Rate } from '../mail/gcra.ts';
import { providerOf } from '../mail/provider.ts';
import type { RetryPolicy } from './retry.ts';
import { siteName } from './site.ts';
import type { Hosts } from './whereabouts.ts';

type Defaults = MTAClusterSpec['defaults'];
type Spec = DestinationPolicy['spec'];

/** Limits that hold together under a name. */
export interface Shared {
  readonly name: string;
  readonly connections?: number | undefined;
  readonly rate?: Rate | undefined;
  readonly openings?: Rate | undefined;
}

export interface Destination {
  /** Hosts that mail goes to, as one name: what shares limits. */
  readonly site: string;
  /** The mailbox provider, where it is known. */
  readonly provider: string | undefined;
  /** What shares connections: the site and everything that shapes a connection. */
  readonly ready: string;
  readonly limits: readonly Shared[];
  /** Names of what holds, the more specific first; none: the cluster's defaults alone. */
  readonly policies: readonly string[];
  readonly connectionsPerSource: number;
  readonly messagesPerConnection: number;
  readonly routes: readonly { readonly host: string; readonly port: number }[];
  readonly tls: Defaults['tls'];
  readonly tlsMinVersion: Defaults['tlsMinVersion'];
  readonly retry: RetryPolicy;
  /** From acceptance; a message's own expiry may be earlier. */
  readonly onInDoubt: Defaults['onInDoubt'];
  readonly expireAfter: Duration;
}

export interface Place {
  readonly domain: string;
  readonly hosts: Hosts;
}

/** What most receivers take from a sender they do not know. */
const CONNECTIONS = 10;
const MESSAGES_PER_CONNECTION = 100;
/** Remembered domains are dropped wholesale here: whoever mails millions of domains pays a few microseconds again. */
const MOST_KNOWN = 100_000;

export class Destinations {
  readonly #policies: readonly DestinationPolicy[];
  readonly #defaults: Defaults;
  readonly #shipped: ReadonlyMap<string, DestinationPolicy>;
  readonly #known = new Map<string, Destination>();
  /** Asked for every message. */
  readonly #routed = new Map<string, boolean>();

  /** `shipped`: the policies that come with the product, by provider; they fill in what a user's own leave out. */
  constructor(
    policies: readonly DestinationPolicy[],
    defaults: Defaults,
    shipped: ReadonlyMap<string, DestinationPolicy>,
  ) {
    this.#policies = policies;
    this.#defaults = defaults;
    this.#shipped = shipped;
  }

  /** Whether a policy says where a domain's mail goes, and no other could be more specific if its hosts were known. */
  isRouted(domain: string): boolean {
    const known = this.#routed.get(domain);
    if (known !== undefined) return known;
    if (this.#routed.size >= MOST_KNOWN) this.#routed.clear();
    const routed = this.#findRouted(domain);
    this.#routed.set(domain, routed);
    return routed;
  }

  of(place: Place): Destination {
    const key = `${place.domain} ${place.hosts.join(' ')}`;
    const known = this.#known.get(key);
    if (known) return known;
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    const found = this.#find(place);
    this.#known.set(key, found);
    return found;
  }

  #findRouted(domain: string): boolean {
    const best = policyOf({ domain, hosts: [] }, this.#policies);
    if (!best || best.spec.routes.length === 0) return false;
    return best.spec.match.domains !== undefined || !this.#policies.some(({ spec }) => needsHosts(spec.match));
  }

  #find(place: Place): Destination {
    const policy = policyOf(place, this.#policies);
    const routes = policy?.spec.routes ?? [];
    const provider = routes.length > 0 ? undefined : providerOf(place);
    const ofProvider = provider === undefined ? undefined : this.#shipped.get(provider);
    const shipped = ofProvider?.spec;
    const site = routes.length > 0 ? routes.map((it) => `${it.host}:${it.port}`).join(',') : siteName(place);
    const tls = policy?.spec.tls ?? shipped?.tls ?? this.#defaults.tls;
    const tlsMinVersion = policy?.spec.tlsMinVersion ?? shipped?.tlsMinVersion ?? this.#defaults.tlsMinVersion;
    const retry = { ...this.#defaults.retry, ...shipped?.retry, ...policy?.spec.retry };
    const limits = { ...shipped?.limits, ...policy?.spec.limits };
    return {
      site,
      provider,
      ready: `${site}${policy && routes.length > 0 ? ` by ${keyOf(policy.metadata)}` : ''} tls=${tls},${tlsMinVersion}`,
      policies: [policy, ofProvider].flatMap((it) => (it ? [keyOf(it.metadata)] : [])),
      limits: sharedOf(site, provider, policy?.spec, shipped),
      connectionsPerSource: limits.connectionsPerSource ?? Infinity,
      messagesPerConnection: limits.messagesPerConnection ?? MESSAGES_PER_CONNECTION,
      routes,
      tls,
      tlsMinVersion,
      retry: { first: seconds(retry.firstSeconds), factor: retry.factor, max: seconds(retry.maxSeconds) },
      onInDoubt: policy?.spec.onInDoubt ?? shipped?.onInDoubt ?? this.#defaults.onInDoubt,
      expireAfter: seconds(
        policy?.spec.expireAfterSeconds ?? shipped?.expireAfterSeconds ?? this.#defaults.expireAfterSeconds,
      ),
    };
  }
}

/** The site's own limits, and those that hold over all sites of its provider. */
function sharedOf(
  site: string,
  provider: string | undefined,
  own: Spec | undefined,
  shipped: Spec | undefined,
): readonly Shared[] {
  const isOfProvider = own?.match.provider !== undefined || own?.match.mxSuffixes !== undefined;
  const ofSite = isOfProvider ? undefined : own?.limits;
  const ofProvider = { ...shipped?.limits, ...(isOfProvider && own.limits) };
  const connections = ofSite?.connections ?? CONNECTIONS;
  const shared: Shared[] = [
    { name: `site ${site}`, connections, rate: ofSite?.rate, openings: ofSite?.connectionRate },
  ];
  const name = `provider ${provider ?? own?.match.mxSuffixes?.join(',') ?? ''}`;
  if (shipped || isOfProvider)
    shared.push({
      name,
      connections: ofProvider.connections,
      rate: ofProvider.rate,
      openings: ofProvider.connectionRate,
    });
  return shared;
}

/** A user's own policy for a place, if there is one. */
export function policyOf(place: Place, policies: readonly DestinationPolicy[]): DestinationPolicy | undefined {
  let best: DestinationPolicy | undefined;
  let most = 0;
  for (const policy of policies) {
    const fit = specificity(policy.spec.match, place);
    if (fit > most || (fit > 0 && fit === most && best && isOlder(policy, best))) [best, most] = [policy, fit];
  }
  return best;
}

const needsHosts = ({ mxSuffixes, provider }: Match): boolean => mxSuffixes !== undefined || provider !== undefined;

const EXACT = 3000;
const PATTERN = 2000;
const EXCHANGER = 1000;
const PROVIDER = 500;

/** 0 when it does not match; larger is more specific. A name is at most 255 long. */
export function specificity(match: Match, { domain, hosts }: Place): number {
  if (match.domains) return Math.max(0, ...match.domains.map((pattern) => fitOf(pattern, domain)));
  if (match.mxSuffixes) return allWithin(hosts, match.mxSuffixes);
  if (match.provider !== undefined) return providerOf({ domain, hosts }) === match.provider ? PROVIDER : 0;
  return match.all ? 1 : 0;
}

function fitOf(pattern: string, domain: string): number {
  if (pattern === domain) return EXACT;
  return pattern.startsWith('*.') && domain.endsWith(pattern.slice(1)) ? PATTERN + pattern.length : 0;
}

/** As specific as the shortest suffix that is needed; 0 unless every host is below one. */
function allWithin(hosts: Hosts, suffixes: readonly string[]): number {
  if (hosts.length === 0) return 0;
  const lengths = hosts.map((host) => {
    const fits = suffixes.filter((suffix) => host === suffix || host.endsWith(`.${suffix}`));
    return fits.length === 0 ? -Infinity : Math.max(...fits.map((it) => it.length));
  });
  return Math.max(0, EXCHANGER + Math.min(...lengths));
}

function isOlder(a: DestinationPolicy, b: DestinationPolicy): boolean {
  const [born, other] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  return born === other ? keyOf(a.metadata) < keyOf(b.metadata) : born < other;
}
