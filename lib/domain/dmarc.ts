/**
 * Looks whether a DMARC policy strong enough holds for a domain, and whether its return path is aligned with it.
 *
 * The record may stand at the domain or at its organization's. An aligned return path is what lets SPF count for DMARC.
 */
import type { Resolver } from '#lib/dns/resolver.ts';
import { unasked } from './dkim.ts';
import type { DmarcRecord } from './dmarc-record.ts';
import { organizationOf, recordFor, type Step, type Walked, walkTree } from './dmarc-tree.ts';
import { bounded, DMARC_POLICIES, type DomainNeeds, type Finding, type RecordReport } from './records.ts';

export interface DmarcCheck {
  readonly report: RecordReport;
  /** Why the return path does not count for DMARC; `''` when it does, or nobody could say. */
  readonly misaligned: string;
}

export async function checkDmarc(needs: DomainNeeds, resolver: Resolver): Promise<DmarcCheck> {
  const walked = await walkTree(needs.domain, resolver);
  const base = { purpose: 'DMARC', type: 'TXT', name: `_dmarc.${needs.domain}`, expected: [expected(needs)] } as const;
  if (walked.kind === 'unknown')
    return { report: { ...base, found: [], state: 'Unknown', difference: unasked(walked.reason) }, misaligned: '' };
  const [own] = walked.steps;
  const holding = recordFor(walked.steps);
  const found = walked.steps.find((it) => it.name === holding?.name)?.texts ?? own?.texts ?? [];
  const report = { ...base, found: bounded(found), ...findingOf(needs, walked.steps) };
  return { report, misaligned: await misalignment(needs, walked.steps, resolver) };
}

function expected({ dmarc }: DomainNeeds): string {
  const reports = dmarc.reportTo.map((it) => `mailto:${it}`).join(',');
  return `v=DMARC1; p=${dmarc.minimumPolicy}${reports === '' ? '' : `; rua=${reports}`}`;
}

function findingOf(needs: DomainNeeds, steps: readonly Step[]): Finding {
  const [own] = steps;
  if (own?.problem !== undefined) return { state: 'Differs', difference: own.problem };
  const holding = recordFor(steps);
  if (!holding) {
    const problem = steps.find((it) => it.problem !== undefined);
    return problem
      ? { state: 'Differs', difference: `at _dmarc.${problem.name}: ${problem.problem}` }
      : { state: 'Missing', difference: 'publish it' };
  }
  const isOwn = holding.name === needs.domain;
  const place = isOwn ? '' : `found at _dmarc.${holding.name}; `;
  const policy = isOwn ? holding.record.policy : holding.record.subdomainPolicy;
  if (rank(policy) >= rank(needs.dmarc.minimumPolicy))
    return { state: 'Present', difference: (place + unreported(needs, holding.record)).replace(/; $/, '') };
  const tag = isOwn ? 'p' : 'sp';
  return { state: 'Differs', difference: `${place}${tag}=${policy} is weaker than ${needs.dmarc.minimumPolicy}` };
}

const rank = (policy: (typeof DMARC_POLICIES)[number]): number => DMARC_POLICIES.indexOf(policy);

function unreported({ dmarc }: DomainNeeds, { reportTo }: DmarcRecord): string {
  const lacking = dmarc.reportTo.filter((it) => !reportTo.includes(it.toLowerCase()));
  return lacking.length === 0 ? '' : `rua= does not name ${lacking.join(' and ')}`;
}

/** RFC 9989 §4.10.2: relaxed alignment is one organization, strict is one name. */
async function misalignment(needs: DomainNeeds, steps: readonly Step[], resolver: Resolver): Promise<string> {
  const { domain, returnPathHost: host } = needs;
  if (host === domain) return '';
  if (recordFor(steps)?.record.isSpfStrict === true) return `aspf=s asks for a return path at ${domain} itself`;
  if (host.endsWith(`.${domain}`) || domain.endsWith(`.${host}`)) return '';
  const other: Walked = await walkTree(host, resolver);
  if (other.kind === 'unknown') return '';
  const isOne = organizationOf(other.steps) === organizationOf(steps);
  return isOne ? '' : `${host} belongs to another organization than ${domain}, so SPF does not count for DMARC`;
}
