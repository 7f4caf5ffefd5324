/**
 * One look at everything a domain needs in DNS.
 *
 * Never rejects and takes as long as its slowest question: the questions of each purpose are asked side by side. Left
 * to others: when to look (whoever calls), what follows for the domain (`latch.ts`, `conditions.ts`).
 */
import type { Resolver } from '#lib/dns/resolver.ts';
import { checkKeys, type Proof, proofOf } from './dkim.ts';
import { checkDmarc } from './dmarc.ts';
import { remembering } from './remembering.ts';
import type { DomainNeeds, RecordReport } from './records.ts';
import { checkReturnPath } from './return-path.ts';
import { checkSpf } from './spf.ts';

export interface DomainReport {
  readonly records: readonly RecordReport[];
  /** Why the return path does not count for DMARC; `''` when it does. */
  readonly misaligned: string;
  readonly proof: Proof;
}

export async function checkDomain(needs: DomainNeeds, dns: Resolver): Promise<DomainReport> {
  const resolver = remembering(dns);
  const hosts = [needs.returnPathHost, ...(needs.apexSpf ? [needs.domain] : [])];
  const [proof, keys, spf, returnPath, dmarc] = await Promise.all([
    proofOf(needs, resolver),
    checkKeys(needs, resolver),
    Promise.all([...new Set(hosts)].map((host) => checkSpf(host, needs.pool, resolver))),
    checkReturnPath(needs, resolver),
    checkDmarc(needs, resolver),
  ]);
  return { records: [...keys, ...spf, returnPath, dmarc.report], misaligned: dmarc.misaligned, proof };
}
