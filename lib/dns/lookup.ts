/**
 * What came of a question, and how a response is read for it: aliases followed, everything unasked passed over.
 *
 * Pure. Promises: only records that belong to the name asked, or to what it is an alias of in this response, are used;
 * an alias that leads in a circle or over more than `MOST_ALIASES` names is `temporary`, as is whatever may be mended.
 */
import type { Duration } from '#lib/run/clock.ts';
import type { DnsRecord, Question, Response } from './message.ts';

export type Lookup =
  | {
      readonly kind: 'found';
      /** At least one, all of the type asked and of one name: the one asked, or what it is an alias of in the end. */
      readonly records: readonly DnsRecord[];
      readonly ttl: Duration;
      /** Validated by the server that was asked. */
      readonly isAuthenticated: boolean;
      readonly bytes: number;
    }
  | { readonly kind: 'none' | 'no-such-name'; readonly ttl: Duration; readonly isAuthenticated: boolean }
  | { readonly kind: 'temporary'; readonly reason: string };

/** Answers one question. Never rejects. */
export type LookUp = (question: Question) => Promise<Lookup>;

export const MOST_ALIASES = 8;

/** An alias whose end is not in the response: to be asked for by itself. */
export interface Alias {
  readonly kind: 'alias';
  readonly name: string;
  /** Names gone through so far, in order. */
  readonly passed: readonly string[];
  readonly ttl: Duration;
}

/** Reads a response without reading on: `passed` are the aliases that led to this question. */
export function readResponse(response: Response, question: Question, passed: readonly string[] = []): Lookup | Alias {
  if (response.code !== 'NOERROR' && response.code !== 'NXDOMAIN') return temporary(response.code);
  const end = followAliases(response.answers, question, passed);
  if (end === undefined) return temporary('aliases in a circle or too many');
  const records = response.answers.filter((it) => it.type === question.type && it.name === end.name);
  const { isAuthenticated, bytes } = response;
  if (records.length > 0) {
    const ttl = Math.min(end.ttl, ...records.slice(0, MOST_TTLS).map((it) => it.ttl));
    return { kind: 'found', records, ttl, isAuthenticated, bytes };
  }
  if (response.code === 'NXDOMAIN')
    return { kind: 'no-such-name', ttl: negativeTtl(response, end.ttl), isAuthenticated };
  if (end.passed.length > passed.length && response.negativeTtl === undefined) return { kind: 'alias', ...end };
  if (!isSaidWithReason(response)) return temporary('not a resolver: neither an answer nor one of its own');
  return { kind: 'none', ttl: negativeTtl(response, end.ttl), isAuthenticated };
}

/** How many records of an answer belong to no name that was asked: such a resolver was lied to, or lies. */
export function straysIn({ answers }: Response, question: Question): number {
  const end = followAliases(answers, question, []);
  return end ? answers.filter((it) => it.name !== end.name && !end.passed.includes(it.name)).length : 0;
}

/** Records of one name and type have one TTL (RFC 2181 §5.2); a few are looked at, should a server not know. */
const MOST_TTLS = 100;

/** An empty answer from a server that neither asks others nor knows by itself is a referral, which says nothing. */
const isSaidWithReason = (response: Response): boolean =>
  response.isRecursive || response.isAuthoritative || response.negativeTtl !== undefined;

export const temporary = (reason: string): Lookup => ({ kind: 'temporary', reason });

const negativeTtl = (response: Response, limit: Duration): Duration => Math.min(response.negativeTtl ?? 0, limit);

/** Where the aliases of `answers` lead from the name asked; undefined when they never end. */
function followAliases(
  answers: readonly DnsRecord[],
  { name: start, type }: Question,
  before: readonly string[],
): Omit<Alias, 'kind'> | undefined {
  const passed = [...before];
  let name = start;
  let ttl: Duration = Infinity;
  for (;;) {
    const alias = type === 'CNAME' ? undefined : answers.find((it) => it.type === 'CNAME' && it.name === name);
    if (!alias) return { name, passed, ttl };
    passed.push(name);
    if (passed.includes(alias.data) || passed.length > MOST_ALIASES) return undefined;
    name = alias.data;
    ttl = Math.min(ttl, alias.ttl);
  }
}
