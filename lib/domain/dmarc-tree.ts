/**
 * Which DMARC record holds for a domain, and which domain is its organization's: the tree walk of RFC 9989 §4.10.
 *
 * Asks from the name upwards, at most eight names, and needs no list of public suffixes. The walk asks; what follows
 * from its steps is pure.
 */
import type { Resolver } from '#lib/dns/resolver.ts';
import { type DmarcRecord, isDmarc, parseDmarc } from './dmarc-record.ts';

/** What stands at one name of the walk; without a record that counts, why. */
export interface Step {
  /** Without `_dmarc.`. */
  readonly name: string;
  readonly texts: readonly string[];
  readonly record?: DmarcRecord;
  readonly problem?: string;
}

export type Walked =
  | { readonly kind: 'walked'; readonly steps: readonly Step[] }
  | { readonly kind: 'unknown'; readonly reason: string };

const MOST_STEPS = 8;

/** Never rejects. */
export async function walkTree(domain: string, resolver: Resolver): Promise<Walked> {
  const steps: Step[] = [];
  for (const name of namesFrom(domain)) {
    const answer = await resolver.txt(`_dmarc.${name}`);
    if (answer.kind === 'temporary') return { kind: 'unknown', reason: answer.reason };
    const step = stepOf(name, answer.kind === 'found' ? answer.texts : []);
    steps.push(step);
    if (step.record?.suffix === 'n' || (step.record?.suffix === 'y' && name !== domain)) break;
  }
  return { kind: 'walked', steps };
}

/** The name itself, then its parents; of a long name those with seven labels and fewer. */
export function namesFrom(domain: string): string[] {
  const labels = domain.split('.');
  const parents = labels.map((_, from) => labels.slice(from).join('.')).slice(1);
  return [domain, ...parents.slice(-(MOST_STEPS - 1))];
}

function stepOf(name: string, all: readonly string[]): Step {
  const texts = all.filter((it) => /dmarc/i.test(it));
  const [text, ...more] = all.filter(isDmarc);
  if (more.length > 0) return { name, texts, problem: `${more.length + 1} DMARC records, which count as none` };
  const nearly = text ?? texts[0];
  if (nearly === undefined) return { name, texts };
  const parsed = parseDmarc(nearly);
  if (parsed.kind === 'valid') return { name, texts, record: parsed.record };
  const isQuoted = text === undefined && isDmarc(nearly.replaceAll('"', ''));
  return { name, texts, problem: isQuoted ? 'quotes are published as part of the value' : `it ${parsed.problem}` };
}

/** The record that holds for the domain the walk began at, and where it stands. */
export function recordFor(steps: readonly Step[]): { readonly name: string; readonly record: DmarcRecord } | undefined {
  const [first] = steps;
  if (first?.record) return { name: first.name, record: first.record };
  const organization = organizationOf(steps);
  const step = steps.find((it) => it.name === organization && it.record) ?? steps.findLast((it) => it.record);
  return step?.record && { name: step.name, record: step.record };
}

/** The organizational domain: what psd= marks, else the shortest name with a record, else where the walk began. */
export function organizationOf(steps: readonly Step[]): string {
  const marked = steps.find((it) => it.record?.suffix === 'n');
  if (marked) return marked.name;
  const suffix = steps.findIndex((it, at) => at > 0 && it.record?.suffix === 'y');
  if (suffix > 0) return steps[suffix - 1]?.name ?? '';
  return (steps.findLast((it) => it.record) ?? steps[0])?.name ?? '';
}
