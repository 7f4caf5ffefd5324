/**
 * Looks whether bounces can come back: the return path's host needs an MX record, and it should be ours.
 *
 * Receivers refuse a sender whose domain takes no mail, and what bounces later is lost with it.
 */
import type { MxAnswer, MxRecord, Resolver } from '#lib/dns/resolver.ts';
import { unasked } from './dkim.ts';
import { bounded, type DomainNeeds, type Finding, type RecordReport } from './records.ts';

export async function checkReturnPath(needs: DomainNeeds, resolver: Resolver): Promise<RecordReport> {
  const { returnPathHost: name, bounceHost } = needs;
  const answer = await resolver.mx(name);
  const found = answer.kind === 'found' ? bounded(answer.records.map(shown)) : [];
  const base = { purpose: 'ReturnPath', type: 'MX', name, expected: [`10 ${bounceHost}`] } as const;
  return { ...base, found, ...findingOf(answer, bounceHost) };
}

const shown = ({ preference, exchange }: MxRecord): string => `${preference} ${exchange || '.'}`;

function findingOf(answer: MxAnswer, bounceHost: string): Finding {
  if (answer.kind === 'temporary') return { state: 'Unknown', difference: unasked(answer.reason) };
  if (answer.kind !== 'found') return { state: 'Missing', difference: 'publish it' };
  if (answer.records.some(({ exchange }) => exchange === bounceHost)) return { state: 'Present', difference: '' };
  if (answer.records.every(({ exchange }) => exchange === ''))
    return { state: 'Differs', difference: 'a null MX says that it takes no mail: receivers refuse such senders' };
  const best = answer.records.toSorted((one, other) => one.preference - other.preference)[0]?.exchange ?? '';
  return { state: 'Differs', difference: `bounces go to ${best}, not to ${bounceHost}` };
}
