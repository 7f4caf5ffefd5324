import { expect, test } from 'vitest';
import type { KubeObject } from '#lib/kube/kube.ts';
import { sample } from '../sample.ts';
import { domainVerdict, poolVerdict } from './verdict.ts';

const said = (status: unknown): KubeObject => ({ ...sample('SendingDomain'), status }) as unknown as KubeObject;
const verified = (status: string, reason: string): object => ({ conditions: [{ type: 'Verified', status, reason }] });

test.each<[sentence: string, status: unknown, standing: string, hasKey: boolean]>([
  ['nothing was said', undefined, 'unverified', false],
  ['it is verified, and no worker has a key', verified('True', 'KeySeen'), 'verified', false],
  ['every worker has a key', { ...verified('True', 'KeySeen'), activeSelectors: ['pf1'] }, 'verified', true],
  ['it was excused', verified('True', 'Skipped'), 'verified', false],
  ['nobody has seen a key', verified('False', 'KeyNotSeen'), 'unverified', false],
  ['DNS was not asked', verified('Unknown', 'NotAsked'), 'unverified', false],
  ['another was first', verified('False', 'DomainClaimed'), 'claimed-by-another', false],
  ['it is not what it should be', { conditions: 'Verified', activeSelectors: 'pf1' }, 'unverified', false],
])('when %s', (_, status, standing, hasKey) => {
  expect(domainVerdict(said(status))).toEqual({ standing, hasKey });
});

test('of the members of a pool it is read which nothing may leave from, and which node has which', () => {
  const members = [
    { name: 'a', state: 'Available', node: 'n1', endpoint: 'socks5://10.0.0.1:1080' },
    { name: 'b', state: 'Unhealthy', reason: 'Listed', endpoint: 'socks5://10.0.0.1:1080' },
    { name: 'c', state: 'Unplumbed', endpoint: 'not an address' },
    { name: 'd', state: 'Suspended' },
  ];
  expect(poolVerdict(said({ members }))).toEqual({
    a: { endpoint: 'socks5://10.0.0.1:1080' },
    b: { bar: 'the operator says Unhealthy: Listed', endpoint: 'socks5://10.0.0.1:1080' },
    c: { bar: 'the operator says Unplumbed' },
    d: {},
  });
  for (const status of [undefined, {}, { members: 'none' }]) expect(poolVerdict(said(status))).toEqual({});
});
