/**
 * The domains' own servers, asked in two ways: what all of a zone's servers have, and what any of them has.
 */
import { openAuthorities } from '#lib/dns/authoritative.ts';
import type { LookUp } from '#lib/dns/lookup.ts';
import { resolverOn } from '#lib/dns/resolver.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import type { Authorities } from './monitor.ts';

export interface AuthoritiesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly lookUp: LookUp;
  /** Private networks whose name servers may be asked. */
  readonly allowPrivate: readonly string[];
}

/** The domains' own servers, found by a resolver. */
export function openDomainAuthorities(options: AuthoritiesOptions): Authorities & { close(): void } {
  const every = openAuthorities({ ...options, agreement: 'every' });
  const some = openAuthorities({ ...options, agreement: 'some' });
  return {
    published: resolverOn(every.lookUp),
    left: resolverOn(some.lookUp),
    close: () => {
      every.close();
      some.close();
    },
  };
}
