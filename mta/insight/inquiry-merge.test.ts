import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runs } from '../../test/harness/runs.ts';
import { decodeInquiry, decodeTold, encodeInquiry, encodeTold, type Told } from './inquiry.ts';
import { mergeCounts, mergeExplanations, mergeLives, mergeViews, missingOf, unansweredOf } from './inquiry-merge.ts';
import { type QueueRow, rowName, type SendingState, type SiteState } from '../mail/explanation.ts';

const row = (domain: string, depth: number, over: Partial<QueueRow> = {}): QueueRow => ({
  tenant: 'shop',
  domain,
  site: domain,
  depth,
  suspended: 0,
  isExact: true,
  waitsFor: 'its turn',
  ...over,
});
const site = (name: string, lanes: number): SiteState => ({ site: name, ready: name, connections: 1, lanes });
const NOTHING: SendingState = {
  rows: [],
  recipients: 0,
  more: 0,
  sites: [],
  moreSites: 0,
  connections: 0,
  restraints: [],
};
const by = <T>(process: string, told: T, shards: readonly number[] = []): Told<T> => ({ process, shards, told });

test('rows of all are one list, the deepest first, and what is not shown is counted', () => {
  const one = { ...NOTHING, rows: [row('a.test', 9), row('b.test', 2)], recipients: 12, more: 1 };
  const other = { ...NOTHING, rows: [row('c.test', 5)], recipients: 5 };
  const { rows, recipients, more } = mergeViews([by('one', one), by('other', other)], { limit: 2 });
  expect(rows.map((it) => it.domain)).toEqual(['a.test', 'c.test']);
  expect([recipients, more]).toEqual([17, 2]);
});

test('pages by name have every row of all processes once', () => {
  const [one, other] = [
    ['a', 'd', 'e'],
    ['b', 'c'],
  ].map((domains) => domains.map((it) => row(it, 1)));
  const names: string[] = [];
  for (let after: string | undefined = ''; after !== undefined;) {
    const from: string = after;
    const page = (rows: readonly QueueRow[] = []): SendingState => {
      const coming = rows.filter((it) => rowName(it) > from);
      return { ...NOTHING, rows: coming.slice(0, 2), more: Math.max(coming.length - 2, 0) };
    };
    const merged = mergeViews([by('one', page(one)), by('other', page(other))], { limit: 2, after });
    names.push(...merged.rows.map((it) => it.domain));
    after = merged.next;
  }
  expect(names).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('a row that two tell of, because its shard has changed hands, is told once', () => {
  const old = { ...NOTHING, rows: [row('a.test', 1, { waitsFor: 'a rest' })] };
  const now = { ...NOTHING, rows: [row('a.test', 4)] };
  expect(mergeViews([by('one', old), by('other', now)], { limit: 9 }).rows).toEqual([row('a.test', 4)]);
});

test('of sites and rules it is said which process says so', () => {
  const one = { ...NOTHING, sites: [site('mx', 1)], moreSites: 3, connections: 4 };
  const restraints = [{ rule: 'p/r' }] as unknown as SendingState['restraints'];
  const other = { ...NOTHING, sites: [site('mx', 7)], connections: 2, restraints };
  const merged = mergeViews([by('one', one), by('other', other)], { limit: 9 });
  expect(merged.sites).toEqual([
    { ...site('mx', 7), worker: 'other' },
    { ...site('mx', 1), worker: 'one' },
  ]);
  expect([merged.moreSites, merged.connections]).toEqual([3, 6]);
  expect(merged.restraints).toEqual([{ rule: 'p/r', worker: 'other' }]);
});

test('sites are bounded, however many there are, and the rest is counted', () => {
  const many = Array.from({ length: 400 }, (_, at) => site(`s${at}`, at));
  const state = { ...NOTHING, sites: many, moreSites: 10 };
  const merged = mergeViews([by('one', state), by('other', state)], { limit: 9 });
  expect([merged.sites.length, merged.moreSites]).toEqual([500, 320]);
});

test('who has the shard explains; nobody, where nobody answered', () => {
  const told = { recipient: 'ann@a.test', ways: [] };
  expect(mergeExplanations([by('one', told)], 'ann@a.test')).toEqual({ ...told, worker: 'one' });
  expect(mergeExplanations([], 'ann@a.test')).toEqual(told);
});

test('what was counted is summed, and told of each', () => {
  const lives = [by('in', { at: 5, counts: { accepted: 4 } }), by('out', { at: 7, counts: { accepted: 0, sent: 3 } })];
  expect(mergeLives(lives)).toEqual({
    at: 7,
    counts: { accepted: 4, sent: 3 },
    processes: { in: { accepted: 4 }, out: { accepted: 0, sent: 3 } },
  });
  expect(mergeCounts([by('a', { lanes: 1, recipients: 5 }), by('b', { lanes: 2, recipients: 2 })])).toEqual({
    lanes: 3,
    recipients: 7,
  });
});

test('shards that nobody answered for are named, and why', () => {
  const answers = [by('one', 0, [0, 2]), by('other', 0, [3])];
  expect(unansweredOf(answers, [0, 1, 2, 3, 4])).toEqual([1, 4]);
  expect(missingOf([], ['the disk is full'])).toEqual([]);
  expect(missingOf([1, 4], [])).toEqual([
    expect.stringMatching(/^shards 1, 4: no worker answers for them: .* ask again/),
  ]);
  expect(missingOf([7], ['the disk is full'])).toEqual(['shard 7: the disk is full']);
});

test('what is asked and told crosses as it is, in parts that servers take', () => {
  const about = fc.record({ tenant: fc.string(), message: fc.string() }, { requiredKeys: [] });
  fc.assert(
    fc.property(about, fc.array(fc.string({ maxLength: 60 }), { maxLength: 30 }), (chosen, texts) => {
      const inquiry = { kind: 'count', about: chosen } as const;
      expect(decodeInquiry(encodeInquiry(inquiry))).toEqual(inquiry);
      const told = by('one', { texts });
      expect(decodeTold(encodeTold(told))).toEqual(told);
    }),
    { numRuns: runs(60) },
  );
  const long = by('one', { text: 'ä'.repeat(300_000) });
  expect(encodeTold(long).every((it) => it.length <= 262_144)).toBe(true);
  expect(decodeTold(encodeTold(long))).toEqual(long);
});

test.each([
  ['another release', '{"v":2,"kind":"live"}'],
  ['something else', 'hello'],
])('what %s asks is a fault that says so', (_, text) => {
  expect(() => decodeInquiry(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'question-unknown' }));
});
