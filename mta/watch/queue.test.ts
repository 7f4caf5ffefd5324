import { expect, test } from 'vitest';
import type { QueueState } from '../mail/explanation.ts';
import { formatQueue } from './queue.ts';

const NOW = Date.UTC(2026, 0, 1);

const EMPTY: QueueState = {
  rows: [],
  recipients: 0,
  more: 0,
  sites: [],
  moreSites: 0,
  connections: 0,
  suspensions: [],
  restraints: [],
};

const COURSE = {
  site: 'dest.test',
  pool: 'default/main',
  provider: 'yahoo',
  tenant: 'default',
  domain: 'example.com',
  source: '192.0.2.9',
};
const FIRING = {
  rule: 'p/r',
  action: 'suspend',
  scope: 'source',
  until: Date.UTC(2026, 0, 1, 1),
  sample: '421 go away',
  course: COURSE,
} as const;

test('the queue is told to people: what waits and for what, which sites rest, what people and rules hold', () => {
  const row = {
    tenant: 'shop',
    domain: 'dest.test',
    site: 'mx',
    suspended: 0,
    isExact: true,
    waitsFor: 'its next try',
  };
  const state: QueueState = {
    ...EMPTY,
    rows: [
      { ...row, depth: 12_000, oldest: NOW - 7_260_000, isExact: false, next: NOW + 90_000, reply: '451 4.7.1 later' },
      { ...row, depth: 3, next: NOW, waitsFor: 'suspended by ann until resumed: blocklisted' },
    ],
    recipients: 12_010,
    more: 2,
    sites: [
      { site: 'mx', ready: 'default/main → mx', connections: 1, lanes: 2, waitsFor: 'its rest', trouble: '451 no' },
    ],
    suspensions: [{ id: 'x1', about: { tenant: 'shop' }, why: 'blocklisted', by: 'ann', at: 0 }],
    restraints: [FIRING, { ...FIRING, scope: 'domain' }],
  };
  expect(formatQueue(state, NOW)).toBe(
    [
      'waiting (12010 recipients):',
      '  depth  tenant  domain     oldest   next try   waits for                                    last reply',
      '  12000  shop    dest.test  ≥ 2h 1m  in 1m 30s  its next try                                 451 4.7.1 later',
      '  3      shop    dest.test           now        suspended by ann until resumed: blocklisted',
      '  and 2 more: --limit shows some, --whole all',
      'sites:',
      '  default/main → mx: 1 connections, 2 lanes wait, for its rest, last trouble: 451 no',
      'suspended:',
      '  x1 tenant shop: suspended by ann until resumed: blocklisted',
      'rules that hold:',
      '  p/r: suspend dest.test from 192.0.2.9 until 2026-01-01T01:00:00.000Z: 421 go away',
      '  p/r: suspend example.com at yahoo until 2026-01-01T01:00:00.000Z: 421 go away',
    ].join('\n'),
  );
});

test('an empty queue says so', () => {
  expect(formatQueue(EMPTY, NOW)).toBe(
    'waiting (0 recipients): nothing\nsites: none in use\nsuspended: nothing\nrules that hold: none',
  );
});
