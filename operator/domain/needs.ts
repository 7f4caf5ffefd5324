/**
 * What a domain needs in DNS, of what is declared in the cluster. Pure.
 */
import type { IPPool } from '#crds/kinds/ip-pool.ts';
import { returnPathHostOf, type SendingDomain } from '#crds/kinds/sending-domain.ts';
import type { DomainNeeds, PublishedKey } from '#lib/domain/records.ts';

export function needsOf(
  domain: SendingDomain,
  { spec: { spfName, members } }: IPPool,
  keys: readonly PublishedKey[],
  bounceHost: string,
): DomainNeeds {
  const { spec } = domain;
  return {
    domain: spec.domain,
    keys,
    returnPathHost: returnPathHostOf(domain),
    bounceHost,
    pool: { ...(spfName !== undefined && { spfName }), addresses: members.map(({ address }) => address) },
    apexSpf: spec.dns.apex === 'Manage',
    dmarc: spec.dmarc,
  };
}
