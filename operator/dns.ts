/**
 * DNS as the operator asks it: by resolvers, as everybody does, and at the domains' own servers.
 */
import { machineServers, parseServer } from '#lib/dns/server.ts';
import { type Resolver, resolverOn } from '#lib/dns/resolver.ts';
import type { LookUp } from '#lib/dns/lookup.ts';
import { openStub } from '#lib/dns/stub.ts';
import { openDomainAuthorities } from '#lib/domain/authorities.ts';
import type { Authorities } from '#lib/domain/monitor.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';

export interface OperatorDns {
  readonly resolver: Resolver;
  readonly authorities: Authorities;
  /** One question, to resolvers. */
  readonly lookUp: LookUp;
  close(): void;
}

export interface DnsOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The machine's own when empty. */
  readonly resolvers: readonly string[];
  /** Private networks that name servers of domains may lie in. */
  readonly allowPrivate: readonly string[];
}

export async function openDns({ clock, random, resolvers, allowPrivate }: DnsOptions): Promise<OperatorDns> {
  const servers = resolvers.length > 0 ? resolvers.map(parseServer) : await machineServers();
  const stub = openStub({ clock, random, servers });
  const authorities = openDomainAuthorities({ clock, random, lookUp: stub.lookUp, allowPrivate });
  const close = (): void => {
    authorities.close();
    stub.close();
  };
  return { resolver: resolverOn(stub.lookUp), authorities, lookUp: stub.lookUp, close };
}
