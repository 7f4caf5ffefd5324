import { describe, expect, test } from 'vitest';
import type { Kind } from '#crds/kinds.ts';
import { sample } from '#crds/sample.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { hours } from '#lib/run/clock.ts';
import type { Finding } from '../controller/condition.ts';
import { resourceIn } from '../typed.ts';
import { policyFindings } from './policy.ts';
import { poolSaid } from './pool.ts';
import { sinkFindings } from './sink.ts';

const made = <K extends Kind>(kind: K, spec: object, name = 'one') => {
  const found = resourceIn(sample(kind, spec, { name, namespace: 'mail' }) as unknown as KubeObject, kind);
  if (!found) throw new Error(`${kind} is not valid`);
  return found;
};
const short = (findings: readonly Finding[]): string[] =>
  findings.map(({ type, status, reason }) => `${type}=${status} ${reason}`);

const GRANTED = { kind: 'granted', cluster: made('MTACluster', {}) } as const;
const REFUSED = { kind: 'refused', reason: 'ClusterRefused', message: 'ask its owner' } as const;
const NOW = Date.UTC(2026, 5, 1, 6);

describe('a policy', () => {
  const all = made('DestinationPolicy', { match: { all: {} } }, 'everyone');
  const two = made('DestinationPolicy', { match: { domains: ['a.example', 'b.example'] } }, 'two');
  const ACCEPTED = 'Accepted=True Accepted';

  test.each<[match: object, older: (typeof all)[], said: string[]]>([
    [{ all: {} }, [two], ['Ready=True Ready', ACCEPTED, 'Conflicted=False NoConflict']],
    [
      { all: {} },
      [all],
      ['Ready=False Conflicted', 'Stalled=True Conflicted', ACCEPTED, 'Conflicted=True OlderPolicy'],
    ],
    [
      { domains: ['a.example', 'c.example'] },
      [all, two],
      ['Ready=True Ready', ACCEPTED, 'Conflicted=True OlderPolicy'],
    ],
    [
      { domains: ['a.example'] },
      [two],
      ['Ready=False Conflicted', 'Stalled=True Conflicted', ACCEPTED, 'Conflicted=True OlderPolicy'],
    ],
    [{ mxSuffixes: ['a.example'] }, [two], ['Ready=True Ready', ACCEPTED, 'Conflicted=False NoConflict']],
    [{ provider: 'gmail' }, [all], ['Ready=True Ready', ACCEPTED, 'Conflicted=False NoConflict']],
  ])('for %j after others says what it has', (match, older, said) => {
    expect(short(policyFindings(made('DestinationPolicy', { match }), true, older))).toEqual(said);
  });

  test('says which older one holds what', () => {
    const found = policyFindings(made('DestinationPolicy', { match: { domains: ['a.example'] } }), true, [two]);
    expect(found.find(({ type }) => type === 'Conflicted')?.message).toContain('two for a.example');
  });

  test('counts nowhere but beside its cluster', () => {
    const said = short(policyFindings(all, false, []));
    expect(said).toEqual([
      'Ready=False ClusterMissing',
      'Stalled=True ClusterMissing',
      'Accepted=False ClusterMissing',
    ]);
  });
});

const member = (more: object = {}, name = 'a', address = '192.0.2.1') => ({ name, address, egress: 'Local', ...more });
const pool = (members: object[], more: object = {}) => made('IPPool', { members, ...more });

describe('a pool', () => {
  test.each<[members: object[], state: object]>([
    [[member()], { name: 'a', state: 'Available' }],
    [[member({ suspend: true })], { name: 'a', state: 'Suspended' }],
    [
      [member({ warmup: { startDate: '2026-05-30' } })],
      { name: 'a', state: 'WarmingUp', warmupDay: 3, until: '2026-07-04T00:00:00Z' },
    ],
    [[member({ warmup: { startDate: '2026-06-03' } })], { name: 'a', state: 'WarmingUp', warmupDay: 0 }],
    [[member({ warmup: { startDate: '2026-01-01' } })], { name: 'a', state: 'Available' }],
    [
      [member({ warmup: { startDate: '2026-05-31', plan: 'Custom', dailyLimits: [5] } })],
      { name: 'a', state: 'Available' },
    ],
  ])('with %j says how each is', (members, state) => {
    expect(poolSaid(pool(members), GRANTED, true, NOW).fields).toMatchObject({ memberCount: 1, members: [state] });
  });

  test('is looked at again when a day of warming up ends', () => {
    const warming = pool([member({ warmup: { startDate: '2026-05-30' } })]);
    expect(poolSaid(warming, GRANTED, true, NOW).again).toBe(hours(18));
    expect(poolSaid(pool([member()]), GRANTED, true, NOW).again).toBeUndefined();
  });

  test.each<[sentence: string, said: ReturnType<typeof poolSaid>, ready: string]>([
    ['it is granted', poolSaid(pool([member()]), GRANTED, true, NOW), 'Ready=True Ready'],
    ['it is refused', poolSaid(pool([member()]), REFUSED, true, NOW), 'Ready=False ClusterRefused'],
    [
      'its overflow is not there',
      poolSaid(pool([member()], { overflowPoolRef: { name: 'more' } }), GRANTED, false, NOW),
      'Ready=False OverflowMissing',
    ],
    [
      'nothing leaves from it',
      poolSaid(pool([member({ suspend: true })]), GRANTED, true, NOW),
      'Ready=False Suspended',
    ],
  ])('says when %s', (_, { findings }, ready) => {
    expect(short(findings)).toContain(ready);
  });

  test('does not claim what nobody has seen', () => {
    const there = short(poolSaid(pool([member({ egress: 'Node' })]), GRANTED, true, NOW).findings);
    expect(there).toEqual(expect.arrayContaining(['Plumbed=Unknown NotReported', 'ReverseDNSReady=Unknown NotAsked']));
    expect(short(poolSaid(pool([member()]), GRANTED, true, NOW).findings)).toContain('Plumbed=True Local');
  });
});

test('a sink says that nothing is delivered yet, or who does not let it', () => {
  expect(short(sinkFindings(GRANTED))).toEqual([
    'Ready=False NotDelivered',
    'Stalled=True NotDelivered',
    'Accepted=True Granted',
    'Delivering=False NotDelivered',
  ]);
  expect(short(sinkFindings(REFUSED))).toContain('Accepted=False ClusterRefused');
});
