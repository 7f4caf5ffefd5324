import { describe, expect, test } from 'vitest';
import { seconds } from '#lib/run/clock.ts';
import { type Alias, type Lookup, MOST_ALIASES, readResponse, straysIn } from './lookup.ts';
import type { DnsRecord, Question, RecordType, Response } from './message.ts';

const ASKED: Question = { name: 'a.test', type: 'A' };

const record = (name: string, type: RecordType, data: string, ttl = 60): DnsRecord => ({
  name,
  type,
  data,
  ttl: seconds(ttl),
  preference: 0,
});

const response = (answers: readonly DnsRecord[], more: Partial<Response> = {}): Response => ({
  code: 'NOERROR',
  isTruncated: false,
  isAuthoritative: false,
  isRecursive: true,
  isAuthenticated: false,
  answers,
  negativeTtl: undefined,
  bytes: 100,
  ...more,
});

const read = (answers: readonly DnsRecord[], more: Partial<Response> = {}, passed: string[] = []): Lookup | Alias =>
  readResponse(response(answers, more), ASKED, passed);

/** Data and TTL in seconds, or the kind. */
const summary = (it: Lookup | Alias): unknown => {
  if (it.kind === 'found') return [it.records.map(({ data }) => data), it.ttl / 1000];
  return it.kind === 'alias' ? [it.kind, it.name] : it.kind;
};

const circle = [record('a.test', 'CNAME', 'b.test'), record('b.test', 'CNAME', 'a.test')];
const chain = (length: number): DnsRecord[] => [
  record('a.test', 'CNAME', 'c1.test'),
  ...Array.from({ length: length - 1 }, (_, at) => record(`c${at + 1}.test`, 'CNAME', `c${at + 2}.test`)),
  record(`c${length}.test`, 'A', '1.1.1.1'),
];

describe('a response', () => {
  test.each<[string, DnsRecord[], Partial<Response>, unknown]>([
    ['records', [record('a.test', 'A', '1.1.1.1'), record('a.test', 'A', '1.1.1.2')], {}, [['1.1.1.1', '1.1.1.2'], 60]],
    ['the shortest TTL', [record('a.test', 'A', '1.1.1.1', 60), record('a.test', 'A', '1.1.1.2', 5)], {}, [['1.1.1.1', '1.1.1.2'], 5]],
    ['the end of an alias, as long as the alias holds', [record('a.test', 'CNAME', 'b.test', 7), record('b.test', 'A', '1.1.1.1')], {}, [['1.1.1.1'], 7]],
    ['aliases in any order', chain(3).toReversed(), {}, [['1.1.1.1'], 60]],
    ['as many aliases as may be', chain(MOST_ALIASES), {}, [['1.1.1.1'], 60]],
    ['an alias too many', chain(MOST_ALIASES + 1), {}, 'temporary'],
    ['C02: aliases in a circle', circle, {}, 'temporary'],
    ['C02: an alias of itself', [record('a.test', 'CNAME', 'a.test')], {}, 'temporary'],
    ['an alias whose end is not there', [record('a.test', 'CNAME', 'b.test')], {}, ['alias', 'b.test']],
    ['an alias whose end has no such record', [record('a.test', 'CNAME', 'b.test')], { negativeTtl: 60 }, 'none'],
    ['an alias of nothing', [record('a.test', 'CNAME', 'b.test')], { code: 'NXDOMAIN' }, 'no-such-name'],
    ['nothing', [], {}, 'none'],
    ['no such name', [], { code: 'NXDOMAIN' }, 'no-such-name'],
    ['C03: SERVFAIL', [], { code: 'SERVFAIL' }, 'temporary'],
    ['SERVFAIL with records', [record('a.test', 'A', '1.1.1.1')], { code: 'SERVFAIL' }, 'temporary'],
    ['nothing, by one who knows nothing', [], { isRecursive: false }, 'temporary'],
    ['nothing, by one who knows', [], { isRecursive: false, isAuthoritative: true }, 'none'],
    ['nothing, and for how long', [], { isRecursive: false, negativeTtl: 60 }, 'none'],
    ['C04: records of another name', [record('bank.test', 'A', '6.6.6.6')], {}, 'none'],
    ['C04: records of another name beside the true ones', [record('a.test', 'A', '1.1.1.1'), record('bank.test', 'A', '6.6.6.6')], {}, [['1.1.1.1'], 60]],
    ['C04: an alias of another name', [record('bank.test', 'CNAME', 'b.test'), record('b.test', 'A', '6.6.6.6')], {}, 'none'],
  ])('%s', (_, answers, more, expected) => expect(summary(read(answers, more))).toEqual(expected)); // prettier-ignore

  test('a question for an alias is answered with it', () => {
    const found = readResponse(response(circle), { name: 'a.test', type: 'CNAME' });
    expect(summary(found)).toEqual([['b.test'], 60]);
  });

  test('counts the aliases that led to the question', () => {
    const passed = Array.from({ length: MOST_ALIASES }, (_, at) => `p${at}.test`);
    expect(summary(read([record('a.test', 'A', '1.1.1.1')], {}, passed))).toEqual([['1.1.1.1'], 60]);
    expect(read([record('a.test', 'CNAME', 'b.test')], {}, passed)).toMatchObject({ kind: 'temporary' });
    expect(read([record('a.test', 'CNAME', 'p.test')], {}, ['p.test'])).toMatchObject({ kind: 'temporary' });
  });

  test.each([
    ['is kept as long as the zone says', { negativeTtl: seconds(30) }, seconds(30)],
    ['is not kept when the zone does not say', {}, 0],
  ])('"there is none" %s', (_, more, ttl) => {
    expect(read([], more)).toMatchObject({ kind: 'none', ttl });
    expect(read([], { ...more, code: 'NXDOMAIN' })).toMatchObject({ kind: 'no-such-name', ttl });
  });

  test('tells whether it was validated', () => {
    const records = [record('a.test', 'A', '1.1.1.1')];
    expect(read(records, { isAuthenticated: true })).toMatchObject({ isAuthenticated: true });
    expect(read([], { isAuthenticated: true })).toMatchObject({ kind: 'none', isAuthenticated: true });
  });
});

test('C04: records that belong to no name asked for are counted', () => {
  const strays = [record('bank.test', 'A', '6.6.6.6'), record('evil.test', 'CNAME', 'a.test')];
  expect(straysIn(response([...chain(3), ...strays]), ASKED)).toBe(2);
  expect(straysIn(response(chain(3)), ASKED)).toBe(0);
  expect(straysIn(response(circle), ASKED)).toBe(0);
});
