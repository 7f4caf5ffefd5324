/**
 * Looks whether the keys of a domain are published. Thin: what is found is judged by `key-difference.ts`.
 */
import type { Resolver, TextAnswer } from '#lib/dns/resolver.ts';
import { hasKey, keyDifference } from './key-difference.ts';
import { misplacedNames } from './misplaced.ts';
import { bounded, type DomainNeeds, keyName, type PublishedKey, type RecordReport } from './records.ts';

/** What proves a domain: `seen` is any of its keys; `absent` that every key has an answer, and none is there. */
export type Proof = 'seen' | 'absent' | 'unknown';

/** A report for each key. Never rejects, as the resolver does not. */
export const checkKeys = (needs: DomainNeeds, resolver: Resolver): Promise<RecordReport[]> =>
  Promise.all(needs.keys.map((key) => checkKey(key, needs, resolver)));

/** Whether the domain is proven by a key in its DNS. Nobody else can put one there. */
export async function proofOf(needs: DomainNeeds, resolver: Resolver): Promise<Proof> {
  const answers = await Promise.all(needs.keys.map((key) => resolver.txt(keyName(key, needs.domain))));
  if (needs.keys.some((key, at) => hasKey(key, textsOf(answers[at])))) return 'seen';
  return answers.length > 0 && answers.every((it) => it.kind !== 'temporary') ? 'absent' : 'unknown';
}

const textsOf = (answer: TextAnswer | undefined): readonly string[] => (answer?.kind === 'found' ? answer.texts : []);

async function checkKey(key: PublishedKey, needs: DomainNeeds, resolver: Resolver): Promise<RecordReport> {
  const name = keyName(key, needs.domain);
  const base = { purpose: 'DKIM', type: 'TXT', name, expected: [key.record] } as const;
  const answer = await resolver.txt(name);
  if (answer.kind === 'temporary') return { ...base, found: [], state: 'Unknown', difference: unasked(answer.reason) };
  const others = needs.keys.filter((it) => it !== key);
  const finding = keyDifference(key, textsOf(answer), others);
  if (finding.state !== 'Missing') return { ...base, found: bounded(textsOf(answer)), ...finding };
  return { ...base, found: [], state: 'Missing', difference: await whereabouts(key, needs, name, resolver) };
}

export const unasked = (reason: string): string => `DNS did not answer: ${reason}`;

/** Why a record that should be there is not, if that can be told. */
async function whereabouts(key: PublishedKey, needs: DomainNeeds, name: string, resolver: Resolver): Promise<string> {
  const alias = await resolver.cname(name);
  if (alias.kind === 'found') return `the name is an alias of ${alias.names[0] ?? ''}, which has no TXT record`;
  for (const { name: elsewhere, says } of misplacedNames(name, needs.domain))
    if (hasKey(key, textsOf(await resolver.txt(elsewhere)))) return says;
  return 'publish it';
}
