/**
 * Which rules hold for a recipient domain: the most specific `DestinationPolicy`, over the cluster's defaults.
 *
 * An exact domain beats a pattern, a longer pattern a shorter one, any pattern `all`; among equals the older wins,
 * then the name. A provider is known by its own domains here, and its policy comes before `all`; what needs DNS (a
 * company's domain at a provider, mail exchangers) is not looked at.
 * Pure, remembered per domain until the resources change.
 */
import { keyOf } from '#crds/resource.ts';
import type { DestinationPolicy, Match } from '#crds/kinds/destination-policy.ts';
import type { MTAClusterSpec } from '#crds/kinds/mta-cluster.ts';
import { type Duration, seconds } from '#lib/run/clock.ts';
import { providerOf } from '../provider.ts';
import type { RetryPolicy } from './retry.ts';

export type TlsLevel = MTAClusterSpec['defaults']['tls'];

export interface Destination {
  /**
   * What shares connections and limits: the domain, or the route and the policy that names it. Everything that shapes a
   * connection is part of it, so that no lane ever travels on a connection made under other rules.
   */
  readonly site: string;
  readonly connections: number;
  readonly messagesPerConnection: number;
  readonly routes: readonly { readonly host: string; readonly port: number }[];
  readonly tls: TlsLevel;
  readonly retry: RetryPolicy;
  /** From acceptance; a message's own expiry may be earlier. */
  readonly expireAfter: Duration;
}

/** What most receivers take from a sender they do not know. */
const CONNECTIONS = 10;
const MESSAGES_PER_CONNECTION = 100;

export class Destinations {
  readonly #policies: readonly DestinationPolicy[];
  readonly #defaults: MTAClusterSpec['defaults'];
  readonly #providers: ReadonlyMap<string, DestinationPolicy>;
  readonly #known = new Map<string, Destination>();

  /** `providers`: the policies that come with the product, by provider; they fill in what a user's own leave out. */
  constructor(
    policies: readonly DestinationPolicy[],
    defaults: MTAClusterSpec['defaults'],
    providers: ReadonlyMap<string, DestinationPolicy> = new Map(),
  ) {
    this.#policies = policies;
    this.#providers = providers;
    this.#defaults = defaults;
  }

  of(domain: string): Destination {
    const known = this.#known.get(domain);
    if (known) return known;
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    const provider = this.#providers.get(providerOf({ domain }) ?? '');
    const found = destinationOf(domain, policyOf(domain, this.#policies), provider, this.#defaults);
    this.#known.set(domain, found);
    return found;
  }
}

/** Remembered domains are dropped wholesale here: whoever mails millions of domains pays a few microseconds again. */
const MOST_KNOWN = 100_000;

function destinationOf(
  domain: string,
  policy: DestinationPolicy | undefined,
  provider: DestinationPolicy | undefined,
  defaults: MTAClusterSpec['defaults'],
): Destination {
  const spec = policy?.spec;
  const routes = spec?.routes ?? [];
  // What a provider takes says nothing of a host that mail is routed to in its place.
  const theirs = routes.length > 0 ? undefined : provider?.spec;
  const retry = { ...defaults.retry, ...spec?.retry };
  const tls = spec?.tls ?? theirs?.tls ?? defaults.tls;
  return {
    site: siteOf(domain, policy, tls),
    connections: spec?.limits.connections ?? theirs?.limits.connections ?? CONNECTIONS,
    messagesPerConnection:
      spec?.limits.messagesPerConnection ?? theirs?.limits.messagesPerConnection ?? MESSAGES_PER_CONNECTION,
    routes,
    tls,
    retry: { first: seconds(retry.firstSeconds), factor: retry.factor, max: seconds(retry.maxSeconds) },
    expireAfter: seconds(spec?.expireAfterSeconds ?? defaults.expireAfterSeconds),
  };
}

function siteOf(domain: string, policy: DestinationPolicy | undefined, tls: TlsLevel): string {
  const routes = policy?.spec.routes ?? [];
  if (!policy || routes.length === 0) return `${domain} tls=${tls}`;
  return `${routes.map((it) => `${it.host}:${it.port}`).join(',')} by ${keyOf(policy.metadata)} tls=${tls}`;
}

/** A user's own policy for a domain, if there is one. */
export function policyOf(domain: string, policies: readonly DestinationPolicy[]): DestinationPolicy | undefined {
  let best: DestinationPolicy | undefined;
  let most = 0;
  for (const policy of policies) {
    const fit = specificity(policy.spec.match, domain);
    if (fit > most || (fit > 0 && fit === most && best && isOlder(policy, best))) [best, most] = [policy, fit];
  }
  return best;
}

/** 0 when it does not match; larger is more specific. A name is at most 255 long. */
export function specificity(match: Match, domain: string): number {
  const fits = (match.domains ?? []).map((pattern) => {
    if (pattern === domain) return 1000;
    return pattern.startsWith('*.') && domain.endsWith(pattern.slice(1)) ? 1 + pattern.length : 0;
  });
  const isProvider = match.provider !== undefined && match.provider === providerOf({ domain });
  return Math.max(match.all ? 1 : 0, isProvider ? 2 : 0, ...fits);
}

function isOlder(a: DestinationPolicy, b: DestinationPolicy): boolean {
  const [born, other] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  return born === other ? keyOf(a.metadata) < keyOf(b.metadata) : born < other;
}
