/**
 * Where mail may come back, as the resources have it now: return paths, their hosts, addresses for complaints, postmaster.
 *
 * An address for complaints and postmaster at a host of return paths are a domain's only once the domain is proven, so that
 * nobody reads mail to a domain that is not theirs. The machine's own take whatever is about anybody's mail: the cluster's
 * `feedbackAddresses`, and postmaster at its own name (RFC 5321 §4.5.1).
 */
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import type { Resources } from '#crds/source/resources.ts';
import { isPostmaster } from '#lib/address/address.ts';
import type { Place, Returned, ReturnPlaces } from '../accept/returns/place.ts';
import { domainOf } from '../mail/message.ts';
import type { ReturnPaths } from './return-paths.ts';

export interface DeclaredPlacesOptions {
  readonly paths: ReturnPaths;
  readonly resources: () => Resources;
  /** Whether a domain is somebody's who may send as it. */
  readonly isProven: (domain: SendingDomain) => boolean;
  /** Our own name. */
  readonly hostname: string;
}

interface Table {
  readonly of: Resources;
  /** Domains that declare an address, by the address in lower case. */
  readonly feedback: ReadonlyMap<string, readonly SendingDomain[]>;
  /** Domains by their host of return paths. */
  readonly hosts: ReadonlyMap<string, readonly SendingDomain[]>;
  /** The cluster's own addresses, in lower case. */
  readonly own: ReadonlySet<string>;
}

export class DeclaredPlaces implements ReturnPlaces {
  readonly #options: DeclaredPlacesOptions;
  #table: Table | undefined;

  constructor(options: DeclaredPlacesOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    const { hosts, feedback, own } = this.#now();
    return hosts.size + feedback.size + own.size > 0;
  }

  read(address: string): Returned | undefined {
    return this.#options.paths.read(address);
  }

  placeOf(address: string): Place | undefined {
    if (!this.isOpen) return undefined;
    const { hosts, feedback, own } = this.#now();
    const host = domainOf(address);
    const local = address.slice(0, -host.length - 1);
    const key = `${local.toLowerCase()}@${host}`;
    if (own.has(key) || (host === this.#options.hostname.toLowerCase() && isPostmaster(local)))
      return { kind: 'feedback', tenants: 'all' };
    const atHost = hosts.get(host) ?? [];
    const returned = atHost.length > 0 ? this.read(address) : undefined;
    if (returned) return { kind: 'return-path', ...returned };
    const takers = feedback.get(key) ?? (isPostmaster(local) ? atHost : []);
    const tenants = tenantsOf(takers.filter((it) => this.#options.isProven(it)));
    if (tenants.length > 0) return { kind: 'feedback', tenants };
    return atHost.length > 0 ? { kind: 'host', tenants: tenantsOf(atHost) } : undefined;
  }

  #now(): Table {
    const resources = this.#options.resources();
    if (this.#table?.of !== resources) this.#table = tableOf(resources);
    return this.#table;
  }
}

const tenantsOf = (domains: readonly SendingDomain[]): readonly string[] => [
  ...new Set(domains.map((it) => it.metadata.namespace)),
];

function tableOf(resources: Resources): Table {
  const feedback = new Map<string, SendingDomain[]>();
  const hosts = new Map<string, SendingDomain[]>();
  const put = (map: Map<string, SendingDomain[]>, key: string, domain: SendingDomain): void =>
    void map.set(key, [...(map.get(key) ?? []), domain]);
  for (const domain of resources.domains) {
    const { returnPathHost, feedbackAddresses } = domain.spec;
    if (returnPathHost !== undefined) put(hosts, returnPathHost, domain);
    for (const address of feedbackAddresses) put(feedback, address.toLowerCase(), domain);
  }
  const own = resources.clusters.flatMap((it) => it.spec.ingress.feedbackAddresses.map((one) => one.toLowerCase()));
  return { of: resources, feedback, hosts, own: new Set(own) };
}
