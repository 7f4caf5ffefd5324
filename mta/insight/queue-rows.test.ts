import { expect, test } from 'vitest';
import type { QueueRow } from '../mail/explanation.ts';
import type { Glance, LaneDepth } from '../queue/queue.ts';
import { viewQueue, waitsFor } from './queue-rows.ts';

const NOW = Date.UTC(2026, 0, 1);
const GLANCE: Glance = { next: NOW + 60_000, oldest: NOW - 5000, latest: undefined, suspended: 0, isExact: true };

const DEPTHS: LaneDepth[] = [
  { lane: 'shop default/main dest.test', depth: 3 },
  { lane: 'shop default/main dest.test bulk', depth: 4 },
  { lane: 'shop default/main other.test', depth: 5 },
  { lane: 'blog default/main dest.test', depth: 1 },
];

let asked: string[] = [];

function view(filter: object = {}, over: Readonly<Record<string, Partial<Glance>>> = {}) {
  asked = [];
  return viewQueue(
    { limit: 10, ...filter },
    {
      queue: {
        depth: () => DEPTHS,
        glance: async (lane) => {
          asked.push(lane);
          return { ...GLANCE, ...over[lane] };
        },
      },
      ledger: {
        last: async (message) => ({ type: message === 'new' ? 'queued' : 'deferred', reply: '451 no' }) as never,
      },
      now: () => NOW,
      siteOf: (lane) => (lane.includes('dest.test') ? 'mx.dest.test' : 'elsewhere'),
      outlookOf: () => ({}),
    },
  );
}

const namesOf = (rows: readonly QueueRow[]): string[] => rows.map((it) => `${it.tenant} ${it.domain} ${it.depth}`);

test('a row has all that waits of a tenant for a domain, the deepest first', async () => {
  const { rows, recipients, more } = await view();
  expect(namesOf(rows)).toEqual(['shop dest.test 7', 'shop other.test 5', 'blog dest.test 1']);
  expect([recipients, more]).toEqual([13, 0]);
  expect(rows[0]).toMatchObject({
    site: 'mx.dest.test',
    oldest: NOW - 5000,
    next: NOW + 60_000,
    waitsFor: 'its next try',
  });
});

test('only what is shown is asked of the storage; the rest is counted', async () => {
  const { rows, recipients, more } = await view({ limit: 1 });
  expect([namesOf(rows), recipients, more]).toEqual([['shop dest.test 7'], 13, 2]);
  expect(asked).toEqual(['shop default/main dest.test bulk', 'shop default/main dest.test']);
});

test('pages by name have every row once, and say where to go on', async () => {
  const first = await view({ limit: 2, after: '' });
  expect([namesOf(first.rows), first.more, first.next]).toEqual([
    ['blog dest.test 1', 'shop dest.test 7'],
    1,
    'shop dest.test',
  ]);
  const { rows, recipients, more, next } = await view({ limit: 2, after: first.next });
  expect([namesOf(rows), recipients, more, next]).toEqual([['shop other.test 5'], 13, 0, undefined]);
});

test.each<[object, string[]]>([
  [{ tenant: 'blog' }, ['blog dest.test 1']],
  [{ domain: 'other.test' }, ['shop other.test 5']],
  [{ site: 'mx.dest.test' }, ['shop dest.test 7', 'blog dest.test 1']],
])('%j shows what fits', async (filter, names) => {
  expect(namesOf((await view(filter)).rows)).toEqual(names);
});

test('a queue of many lanes is looked at in steps: others have their turn', async () => {
  const depth = Array.from({ length: 20_000 }, (_, at) => ({
    lane: `shop default/main d${at}.test`,
    depth: 1 + (at % 7),
  }));
  let turns = 0;
  const count = (): void => {
    turns += 1;
    if (turns < 1000) setImmediate(count);
  };
  setImmediate(count);
  const parts = { now: () => NOW, siteOf: () => '', outlookOf: () => ({}), ledger: { last: async () => undefined } };
  const queue = { depth: () => depth, glance: async () => GLANCE };
  const { rows, more } = await viewQueue({ limit: 2 }, { ...parts, queue });
  expect([rows.map((it) => it.depth), more]).toEqual([[7, 7], 19_998]);
  expect(turns).toBeGreaterThan(30);
});

test('oldest and next are those of all its lanes; what the last reply was comes from the events', async () => {
  const { rows } = await view(
    { domain: 'dest.test', tenant: 'shop' },
    {
      'shop default/main dest.test': { oldest: NOW - 9000, isExact: false },
      'shop default/main dest.test bulk': { next: NOW + 1, suspended: 2, latest: { message: '01m', index: 0 } },
    },
  );
  expect(rows).toMatchObject([{ oldest: NOW - 9000, isExact: false, next: NOW + 1, suspended: 2, reply: '451 no' }]);
});

test('mail that was never tried has no reply', async () => {
  const lane = 'blog default/main dest.test';
  const { rows } = await view({ tenant: 'blog' }, { [lane]: { latest: { message: 'new', index: 0 } } });
  expect(rows[0]).not.toHaveProperty('reply');
});

test.each<[Parameters<typeof waitsFor>[0], string]>([
  [{ outlook: { why: 'suspended by ann' }, next: NOW, suspended: 0, now: NOW }, 'suspended by ann'],
  [{ outlook: {}, next: NOW + 1, suspended: 0, now: NOW }, 'its next try'],
  [{ outlook: {}, next: NOW, suspended: 3, now: NOW }, 'its turn'],
  [{ outlook: undefined, next: NOW, suspended: 0, now: NOW }, 'DNS: where it goes'],
  [{ outlook: {}, next: undefined, suspended: 3, now: NOW }, 'somebody to resume or retry it: it is held'],
  [{ outlook: {}, next: undefined, suspended: 0, now: NOW }, 'what is being sent now'],
])('%j waits for %s', (reasons, words) => {
  expect(waitsFor(reasons)).toBe(words);
});
