import { expect, test } from 'vitest';
import type { Live } from '../mail/explanation.ts';
import { formatTop } from './top.ts';

const NOW = Date.UTC(2026, 0, 1);
const LIVE: Live = { at: NOW, counts: { accepted: 120, delivered: 50 } };
const ROW = {
  tenant: 'shop',
  domain: 'dest.test',
  site: 'mx',
  depth: 7,
  suspended: 0,
  isExact: true,
  waitsFor: 'its turn',
};
const STATE = {
  rows: [ROW],
  recipients: 7,
  more: 0,
  sites: [
    { site: 'idle', ready: 'p → idle', connections: 1, lanes: 0 },
    { site: 'mx', ready: 'p → mx', connections: 2, lanes: 4, waitsFor: 'its rest', trouble: '451 no' },
  ],
  moreSites: 0,
  connections: 3,
  suspensions: [],
  restraints: [],
};

test('the first look shows sums, the next ones what a second brought', () => {
  expect(formatTop(LIVE, undefined, STATE).split('\n')[0]).toBe('2026-01-01T00:00:00.000Z  accepted 120  delivered 50');
  const before = { at: NOW - 2000, counts: { accepted: 100, delivered: 50 } };
  expect(formatTop(LIVE, before, STATE).split('\n')[0]).toBe(
    '2026-01-01T00:00:00.000Z  accepted 10.0/s  delivered 0.0/s',
  );
});

test('below are what waits and for what, and the sites with the most of it', () => {
  expect(formatTop(LIVE, undefined, STATE).split('\n').slice(1)).toEqual([
    '7 recipients wait, 3 connections to receivers',
    '',
    'depth  tenant  domain     oldest  next try  waits for  last reply',
    '7      shop    dest.test                    its turn',
    '',
    'site      connections  lanes  waits for  last trouble',
    'p → mx    2            4      its rest   451 no',
    'p → idle  1            0',
  ]);
});
