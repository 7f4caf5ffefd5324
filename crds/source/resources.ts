/**
 * The declared world at one moment: every resource, by kind and by name. Immutable; a change makes a new one.
 */
import type { AnyResource } from '../kinds.ts';
import type { DestinationPolicy } from '../kinds/destination-policy.ts';
import type { EventSink } from '../kinds/event-sink.ts';
import type { IPPool } from '../kinds/ip-pool.ts';
import type { MTACluster } from '../kinds/mta-cluster.ts';
import { type SendingCredential, usernameOf } from '../kinds/sending-credential.ts';
import type { SendingDomain } from '../kinds/sending-domain.ts';
import { keyOf } from '../resource.ts';

export interface Resources {
  readonly clusters: readonly MTACluster[];
  readonly pools: readonly IPPool[];
  readonly domains: readonly SendingDomain[];
  readonly policies: readonly DestinationPolicy[];
  readonly credentials: readonly SendingCredential[];
  readonly sinks: readonly EventSink[];
  /** By `namespace/name`. */
  cluster(key: string): MTACluster | undefined;
  /** By `namespace/name`. */
  pool(key: string): IPPool | undefined;
  /** By `namespace/name`. */
  domain(key: string): SendingDomain | undefined;
  /** The resources that declare a domain name, such as `example.com`: of each namespace one at most. */
  claimsTo(domain: string): readonly SendingDomain[];
  /** By username, `namespace.name`. */
  credential(username: string): SendingCredential | undefined;
}

/** Arrays keep the order given. Of two resources with one name the later is looked up. */
export function gather(all: readonly AnyResource[]): Resources {
  const clusters = all.filter((it) => it.kind === 'MTACluster');
  const pools = all.filter((it) => it.kind === 'IPPool');
  const domains = all.filter((it) => it.kind === 'SendingDomain');
  const policies = all.filter((it) => it.kind === 'DestinationPolicy');
  const credentials = all.filter((it) => it.kind === 'SendingCredential');
  const sinks = all.filter((it) => it.kind === 'EventSink');
  return {
    clusters,
    pools,
    domains,
    policies,
    credentials,
    sinks,
    cluster: lookUp(clusters, ({ metadata }) => keyOf(metadata)),
    pool: lookUp(pools, ({ metadata }) => keyOf(metadata)),
    domain: lookUp(domains, ({ metadata }) => keyOf(metadata)),
    claimsTo: grouped(domains, ({ spec }) => spec.domain),
    credential: lookUp(credentials, usernameOf),
  };
}

function lookUp<T>(all: readonly T[], keyOfOne: (one: T) => string): (key: string) => T | undefined {
  const byKey = new Map(all.map((one) => [keyOfOne(one), one]));
  return (key) => byKey.get(key);
}

function grouped<T>(all: readonly T[], keyOfOne: (one: T) => string): (key: string) => readonly T[] {
  const byKey = Map.groupBy(all, keyOfOne);
  return (key) => byKey.get(key) ?? [];
}
