/**
 * Reads a DMARC policy record (RFC 7489 §6.3 and its successor RFC 9989): text to policy, or what is wrong. Pure, never throws.
 */
import { DMARC_POLICIES, type DmarcPolicy } from './records.ts';

export interface DmarcRecord {
  /** As receivers apply it: one step weaker while `t=y` or `pct=0` says that it is a test. */
  readonly policy: DmarcPolicy;
  /** The same for names below; the policy itself when absent. */
  readonly subdomainPolicy: DmarcPolicy;
  /** aspf=s: the return path must have the very domain of From. */
  readonly isSpfStrict: boolean;
  /** psd=: `n` marks an organization's own domain, `y` a suffix that belongs to nobody. */
  readonly suffix: 'n' | 'y' | 'u';
  /** Addresses of rua=, in lower case, without their size limits. */
  readonly reportTo: readonly string[];
}

export type ParsedDmarc =
  | { readonly kind: 'valid'; readonly record: DmarcRecord }
  | { readonly kind: 'invalid'; readonly problem: string };

/** Whether a TXT record means to be one of DMARC. */
export const isDmarc = (text: string): boolean => /^\s*v\s*=\s*DMARC1\s*(?:;|$)/.test(text);

export function parseDmarc(text: string): ParsedDmarc {
  if (!isDmarc(text)) return invalid('does not begin with v=DMARC1;');
  const tags = new Map(text.split(';').map(tagOf));
  const policy = tags.get('p') ?? (tags.has('rua') ? 'none' : undefined);
  if (policy === undefined) return invalid('has no p=');
  if (!isPolicy(policy)) return invalid('has a p= other than none, quarantine and reject');
  const below = tags.get('sp') ?? policy;
  const isTest = tags.get('t') === 'y' || tags.get('pct') === '0';
  return { kind: 'valid', record: recordOf(tags, policy, isPolicy(below) ? below : policy, isTest) };
}

const invalid = (problem: string): ParsedDmarc => ({ kind: 'invalid', problem });

const isPolicy = (word: string): word is DmarcPolicy => DMARC_POLICIES.some((it) => it === word);

function tagOf(spec: string): [name: string, value: string] {
  const at = spec.indexOf('=');
  return at < 0
    ? ['', '']
    : [
        spec.slice(0, at).trim().toLowerCase(),
        spec
          .slice(at + 1)
          .trim()
          .toLowerCase(),
      ];
}

function recordOf(
  tags: ReadonlyMap<string, string>,
  policy: DmarcPolicy,
  below: DmarcPolicy,
  isTest: boolean,
): DmarcRecord {
  const psd = tags.get('psd');
  const reports = (tags.get('rua') ?? '').split(',').map((it) => it.trim().replace(/^mailto:/, ''));
  return {
    policy: isTest ? weaker(policy) : policy,
    subdomainPolicy: isTest ? weaker(below) : below,
    isSpfStrict: tags.get('aspf') === 's',
    suffix: psd === 'n' || psd === 'y' ? psd : 'u',
    reportTo: reports.map((it) => it.replace(/!\d+[kmgt]?$/, '')).filter((it) => it !== ''),
  };
}

const weaker = (policy: DmarcPolicy): DmarcPolicy => DMARC_POLICIES[DMARC_POLICIES.indexOf(policy) - 1] ?? 'none';
