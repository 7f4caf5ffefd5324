/**
 * Looks whether the SPF record at a host lets the pool's mail pass.
 *
 * A pool with an SPF record of its own must be included: then its addresses can change without anybody's help. Of a
 * pool without one each address must pass.
 */
import { isIPv4 } from 'node:net';
import type { Resolver } from '#lib/dns/resolver.ts';
import { unasked } from './dkim.ts';
import { bounded, type Finding, type PoolAddresses, type RecordReport } from './records.ts';
import { isSpf, type Mechanism, parseSpf } from './spf-record.ts';
import { type SpfTarget, type SpfVerdict, walkSpf } from './spf-walk.ts';

export async function checkSpf(name: string, pool: PoolAddresses, resolver: Resolver): Promise<RecordReport> {
  const base = { purpose: 'SPF', type: 'TXT', name, expected: [expectedSpf(pool)] } as const;
  const answer = await resolver.txt(name);
  if (answer.kind === 'temporary') return { ...base, found: [], state: 'Unknown', difference: unasked(answer.reason) };
  const texts = answer.kind === 'found' ? answer.texts : [];
  const records = texts.filter(isSpf);
  if (records.length === 0) return { ...base, found: bounded(texts.filter(isNearly)), ...withoutRecord(texts) };
  const verdicts = await Promise.all(
    targetsOf(pool).map(async (target) => ({ target, verdict: await walkSpf(name, target, resolver) })),
  );
  return { ...base, found: bounded(records), ...findingOf(verdicts, records[0] ?? '') };
}

/** The record of a host that sends nothing else. */
function expectedSpf(pool: PoolAddresses): string {
  return ['v=spf1', ...targetsOf(pool).map(termFor), '-all'].join(' ');
}

const targetsOf = ({ spfName, addresses }: PoolAddresses): SpfTarget[] =>
  spfName === undefined
    ? addresses.map((address) => ({ kind: 'address', address }))
    : [{ kind: 'host', host: spfName }];

function termFor(target: SpfTarget): string {
  if (target.kind === 'host') return `include:${target.host}`;
  return `${isIPv4(target.address) ? 'ip4' : 'ip6'}:${target.address}`;
}

/** What somebody may have meant as one. */
const isNearly = (text: string): boolean => /spf/i.test(text);

function withoutRecord(texts: readonly string[]): Finding {
  const nearly = texts.find(isNearly);
  if (nearly === undefined) return { state: 'Missing', difference: 'publish it' };
  const isQuoted = isSpf(nearly.replaceAll('"', ''));
  const difference = isQuoted
    ? 'quotes are published as part of the value'
    : 'it does not begin with v=spf1 and a space';
  return { state: 'Differs', difference };
}

interface Judged {
  readonly target: SpfTarget;
  readonly verdict: SpfVerdict;
}

function findingOf(judged: readonly Judged[], record: string): Finding {
  for (const { verdict } of judged) {
    if (verdict.kind === 'broken') return { state: 'Differs', difference: verdict.problem };
    if (verdict.kind === 'unknown') return { state: 'Unknown', difference: unasked(verdict.reason) };
  }
  const lacking = judged.filter(({ verdict }) => verdict.kind !== 'pass');
  if (lacking.length > 0) return { state: 'Differs', difference: lackOf(lacking, record) };
  return { state: 'Present', difference: remarkOn(record) };
}

const MOST_NAMED = 3;

function lackOf(lacking: readonly Judged[], record: string): string {
  const terms = lacking.map(({ target }) => termFor(target));
  const named = terms.slice(0, MOST_NAMED).join(' ');
  const more = terms.length > MOST_NAMED ? ` and ${terms.length - MOST_NAMED} more` : '';
  const what = `${named}${more}`;
  const [first = ''] = terms;
  const written = mechanismsOf(record).find((it) => `${it.name}:${it.value}` === first);
  if (!written) return `${what} ${terms.length > 1 ? 'are' : 'is'} missing: add before all`;
  if (written.qualifier !== '+') return `${first} is there with ${written.qualifier}, which does not let mail pass`;
  return `${first} stands after a term that decides before it, such as all: move it to the front`;
}

function remarkOn(record: string): string {
  const everybody = mechanismsOf(record).some(({ name, qualifier }) => name === 'all' && qualifier === '+');
  return everybody ? '+all lets everybody send as this name: write -all' : '';
}

function mechanismsOf(record: string): readonly Mechanism[] {
  const parsed = parseSpf(record);
  return parsed.kind === 'valid' ? parsed.record.mechanisms : [];
}
