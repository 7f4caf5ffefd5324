/**
 * Follows an SPF record as a receiver does (RFC 7208 §4.6, §5): includes, redirects, at most ten terms that ask DNS.
 *
 * It is asked for one address, or for the host of a pool's record: then it passes where the record comes to include
 * that host, whatever is behind it. What depends on the message (macros, `ptr`, `exists`) matches nothing here and is
 * counted.
 */
import { matchesNetwork } from '#lib/dns/private-address.ts';
import type { Resolver, TextAnswer } from '#lib/dns/resolver.ts';
import { isSpf, type Mechanism, parseSpf, type Qualifier, type SpfRecord } from './spf-record.ts';

export type SpfTarget =
  | { readonly kind: 'host'; readonly host: string }
  | { readonly kind: 'address'; readonly address: string };

/** `none`: no record at the name. `broken`: receivers take it as an error (permerror). `unknown`: DNS did not say. */
export type SpfVerdict =
  | { readonly kind: 'pass' | 'fail' | 'softfail' | 'neutral' }
  | { readonly kind: 'none' }
  | { readonly kind: 'broken'; readonly problem: string }
  | { readonly kind: 'unknown'; readonly reason: string };

/** RFC 7208 §4.6.4. */
const MOST_LOOKUPS = 10;
const MOST_HOSTS = 10;

const VERDICTS: Readonly<Record<Qualifier, SpfVerdict>> = {
  '+': { kind: 'pass' },
  '-': { kind: 'fail' },
  '~': { kind: 'softfail' },
  '?': { kind: 'neutral' },
};

/** What a receiver makes of mail from `target` with a return path at `host`. Never rejects. */
export const walkSpf = (host: string, target: SpfTarget, resolver: Resolver): Promise<SpfVerdict> =>
  new Walk(target, resolver).at(host);

/** One walk: what it looks for, and how often DNS was asked. */
class Walk {
  readonly #target: SpfTarget;
  readonly #resolver: Resolver;
  #lookups = 0;

  constructor(target: SpfTarget, resolver: Resolver) {
    this.#target = target;
    this.#resolver = resolver;
  }

  async at(host: string): Promise<SpfVerdict> {
    const reading = readSpf(host, await this.#resolver.txt(host));
    return reading.kind === 'record' ? this.#follow(reading.record, host) : reading;
  }

  async #follow({ mechanisms, redirect }: SpfRecord, host: string): Promise<SpfVerdict> {
    for (const mechanism of mechanisms) {
      const matched = await this.#matches(mechanism, host);
      if (matched === true) return VERDICTS[mechanism.qualifier];
      if (matched !== false) return matched;
    }
    if (redirect === undefined) return { kind: 'neutral' };
    return this.#spent(redirect) ?? (this.#isTarget(redirect) ? { kind: 'pass' } : this.#redirected(redirect));
  }

  async #redirected(host: string): Promise<SpfVerdict> {
    const verdict = await this.at(host);
    return verdict.kind === 'none' ? broken(`redirect=${host} leads to a name without an SPF record`) : verdict;
  }

  /** Whether a mechanism matches, or what ends the walk. */
  async #matches(mechanism: Mechanism, host: string): Promise<boolean | SpfVerdict> {
    const { name, value } = mechanism;
    if (name === 'all') return true;
    if (name === 'ip4' || name === 'ip6') return this.#isWithin(value);
    const spent = this.#spent(`${name}${value === '' ? '' : `:${value}`}`);
    if (spent) return spent;
    if (name === 'include') return this.#isTarget(value) || this.#included(value);
    if (name === 'a') return this.#isOf(value || host, mechanism);
    return name === 'mx' && this.#isOfMx(value || host, mechanism);
  }

  #spent(term: string): SpfVerdict | undefined {
    this.#lookups += 1;
    return this.#lookups > MOST_LOOKUPS ? broken(`more than ${MOST_LOOKUPS} lookups: ${term} is too many`) : undefined;
  }

  #isTarget(host: string): boolean {
    return this.#target.kind === 'host' && this.#target.host === host.replace(/\.$/, '');
  }

  #isWithin(network: string): boolean {
    return this.#target.kind === 'address' && matchesNetwork(this.#target.address, network);
  }

  /** RFC 7208 §5.2: only a pass matches; an error behind it is one of this record. */
  async #included(host: string): Promise<boolean | SpfVerdict> {
    if (hasMacro(host)) return false;
    const verdict = await this.at(host);
    if (verdict.kind === 'none') return broken(`include:${host} leads to a name without an SPF record`);
    return verdict.kind === 'broken' || verdict.kind === 'unknown' ? verdict : verdict.kind === 'pass';
  }

  async #isOf(host: string, { prefix }: Mechanism): Promise<boolean | SpfVerdict> {
    if (this.#target.kind === 'host' || hasMacro(host)) return false;
    const answer = await this.#resolver.addresses(host);
    if (answer.kind === 'temporary') return { kind: 'unknown', reason: answer.reason };
    const addresses = answer.kind === 'found' ? answer.addresses : [];
    return addresses.some((it) => this.#isWithin(`${it}/${it.includes(':') ? prefix.six : prefix.four}`));
  }

  async #isOfMx(host: string, mechanism: Mechanism): Promise<boolean | SpfVerdict> {
    if (this.#target.kind === 'host' || hasMacro(host)) return false;
    const answer = await this.#resolver.mx(host);
    if (answer.kind === 'temporary') return { kind: 'unknown', reason: answer.reason };
    const records = answer.kind === 'found' ? answer.records.slice(0, MOST_HOSTS) : [];
    for (const { exchange } of records) {
      const matched = await this.#isOf(exchange, mechanism);
      if (matched !== false) return matched;
    }
    return false;
  }
}

const hasMacro = (name: string): boolean => name.includes('%');

const broken = (problem: string): SpfVerdict => ({ kind: 'broken', problem });

type Reading = { readonly kind: 'record'; readonly record: SpfRecord } | SpfVerdict;

function readSpf(host: string, answer: TextAnswer): Reading {
  if (answer.kind === 'temporary') return { kind: 'unknown', reason: answer.reason };
  const [text, ...more] = answer.kind === 'found' ? answer.texts.filter(isSpf) : [];
  if (text === undefined) return { kind: 'none' };
  if (more.length > 0) return broken(`${host} has ${more.length + 1} SPF records, receivers allow one`);
  const parsed = parseSpf(text);
  return parsed.kind === 'valid'
    ? { kind: 'record', record: parsed.record }
    : broken(`the record at ${host} ${parsed.problem}`);
}
