/**
 * Reads an SPF record (RFC 7208 §4.5, §12): text to terms in order, or what is wrong with it. Pure, never throws.
 *
 * Names with macros are kept as they stand: what they expand to depends on each message. Left to others: what the
 * terms say of an address (`spf-walk.ts`).
 */

export type Qualifier = '+' | '-' | '~' | '?';

export interface Mechanism {
  readonly qualifier: Qualifier;
  readonly name: 'all' | 'include' | 'a' | 'mx' | 'ptr' | 'ip4' | 'ip6' | 'exists';
  /** Name or network after the colon, in lower case; `''` means the name the record is at. */
  readonly value: string;
  /** Length of the network for `a` and `mx`, by family. */
  readonly prefix: { readonly four: number; readonly six: number };
}

export interface SpfRecord {
  readonly mechanisms: readonly Mechanism[];
  readonly redirect: string | undefined;
}

export type ParsedSpf =
  | { readonly kind: 'valid'; readonly record: SpfRecord }
  | { readonly kind: 'invalid'; readonly problem: string };

/** Whether a TXT record is one of SPF: a name may have many records, and of these just one. */
export const isSpf = (text: string): boolean => /^v=spf1(?: |$)/i.test(text);

const MOST_TERMS = 1000;

export function parseSpf(text: string): ParsedSpf {
  if (!isSpf(text)) return invalid('does not begin with v=spf1 and a space');
  const terms = text
    .split(' ')
    .filter((it) => it !== '')
    .slice(1);
  if (terms.length > MOST_TERMS) return invalid(`has more than ${MOST_TERMS} terms`);
  const mechanisms: Mechanism[] = [];
  const redirects: string[] = [];
  for (const term of terms) {
    const [, modifier, target = ''] = /^([a-z][\w.-]*)=(\S*)$/i.exec(term) ?? [];
    if (modifier?.toLowerCase() === 'redirect') redirects.push(target.toLowerCase());
    if (modifier !== undefined) continue;
    const mechanism = mechanismOf(term);
    if (!mechanism) return invalid(`has the term ${shown(term)}, which SPF does not know`);
    mechanisms.push(mechanism);
  }
  if (redirects.length > 1 || redirects.includes('')) return invalid('has a redirect= that is empty or there twice');
  return { kind: 'valid', record: { mechanisms, redirect: redirects[0] } };
}

const invalid = (problem: string): ParsedSpf => ({ kind: 'invalid', problem });

const shown = (term: string): string => (term.length > 60 ? `${term.slice(0, 60)}…` : term);

const MECHANISM = /^([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?::([^/\s]+))?(\/\d{1,3})?(?:\/(\/\d{1,3}))?$/i;

function mechanismOf(term: string): Mechanism | undefined {
  const [, sign = '', word = '', value = '', four, six] = MECHANISM.exec(term) ?? [];
  const name = word.toLowerCase() as Mechanism['name'];
  const lower = value.toLowerCase();
  const needsValue = ['include', 'ip4', 'ip6', 'exists'].includes(name);
  if (word === '' || (needsValue && value === '') || (name === 'all' && value !== '')) return undefined;
  const prefix = { four: lengthOf(four, 32), six: lengthOf(six, 128) };
  const isNetwork = name === 'ip4' || name === 'ip6';
  const isSized = isNetwork || name === 'a' || name === 'mx';
  if ((!isSized && (four ?? six) !== undefined) || (isNetwork && six !== undefined)) return undefined;
  const network = isNetwork ? `${lower}${four ?? ''}` : lower;
  return { qualifier: (sign === '' ? '+' : sign) as Qualifier, name, value: network, prefix };
}

const lengthOf = (written: string | undefined, longest: number): number =>
  written === undefined ? longest : Math.min(Number(written.slice(1)), longest);
