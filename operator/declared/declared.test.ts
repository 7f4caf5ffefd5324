import { describe, expect, test } from 'vitest';
import type { Kind } from '#crds/kinds.ts';
import { sample } from '#crds/sample.ts';
import type { Reverse } from '#lib/dns/reverse.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { hours } from '#lib/run/clock.ts';
import type { Finding } from '../controller/condition.ts';
import { resourceIn } from '../typed.ts';
import { policyFindings } from './policy.ts';
import { poolSaid, type PoolView } from './pool.ts';

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

  test('leads no mail back to where its cluster takes it', () => {
    const routed = (host: string) =>
      made('DestinationPolicy', {
        clusterRef: { name: 'main' },
        match: { all: {} },
        routes: [{ host, port: 587 }],
      });
    for (const host of ['main-ingress', 'main-ingress.mail', 'main-ingress.mail.svc.cluster.local'])
      expect(short(policyFindings(routed(host), true, []))).toContain('Stalled=True RouteToItself');
    expect(short(policyFindings(routed('main-ingress.other'), true, []))).toContain('Ready=True Ready');
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
const observedAs = (status: object): KubeObject => ({ ...(sample('IPPool', {}) as unknown as KubeObject), status });
/** What is said of a pool that is granted, of which everything is there and nothing was looked at. */
const said = (of: ReturnType<typeof pool>, more: Partial<PoolView> = {}) =>
  poolSaid({
    pool: of,
    observed: observedAs({}),
    route: GRANTED,
    hasOverflow: true,
    reverses: undefined,
    listings: new Map(),
    holders: undefined,
    now: NOW,
    ...more,
  });

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
    expect(said(pool(members)).fields).toMatchObject({ memberCount: 1, members: [state] });
  });

  test('is looked at again when a day of warming up ends', () => {
    const warming = pool([member({ warmup: { startDate: '2026-05-30' } })]);
    expect(said(warming).again).toBe(hours(18));
    expect(said(pool([member()])).again).toBeUndefined();
  });

  test.each<[sentence: string, is: ReturnType<typeof poolSaid>, ready: string]>([
    ['it is granted', said(pool([member()])), 'Ready=True Ready'],
    ['it is refused', said(pool([member()]), { route: REFUSED }), 'Ready=False ClusterRefused'],
    [
      'its overflow is not there',
      said(pool([member()], { overflowPoolRef: { name: 'more' } }), { hasOverflow: false }),
      'Ready=False OverflowMissing',
    ],
    [
      'its overflow is itself',
      said(pool([member()], { overflowPoolRef: { name: 'one' } })),
      'Ready=False OverflowItself',
    ],
    ['nothing leaves from it', said(pool([member({ suspend: true })])), 'Ready=False Suspended'],
  ])('says when %s', (_, { findings }, ready) => {
    expect(short(findings)).toContain(ready);
  });

  test('does not claim what nobody has seen', () => {
    const proxy = { url: 'socks5://proxy' };
    const there = short(said(pool([member({ egress: 'Proxy', proxy })])).findings);
    expect(there).toEqual(expect.arrayContaining(['Plumbed=Unknown NotReported', 'ReverseDNSReady=Unknown NotAsked']));
    expect(short(said(pool([member()])).findings)).toContain('Plumbed=True Local');
  });
});

describe('a pool of addresses of nodes', () => {
  const ours = pool([member({ egress: 'Node' })]);
  const holder = (node: string) => ({ node, endpoint: `socks5://10.0.0.${node.length}:1080` });
  const held = (...nodes: string[]) => new Map([['192.0.2.1', nodes.map(holder)]]);

  test('says which node has each, and where its proxy is', () => {
    const { fields, findings } = said(ours, { holders: held('a') });
    expect(fields?.['members']).toEqual([{ name: 'a', state: 'Available', ...holder('a') }]);
    expect(short(findings)).toEqual(expect.arrayContaining(['Ready=True Ready', 'Plumbed=True OnNodes']));
  });

  test.each([
    ['no node has', new Map(), 'NotOnANode'],
    ['nobody could have, without proxies', undefined, 'NoEgressProxies'],
  ])('sends nothing from one that %s, and says what to do', (_, holders, reason) => {
    const { fields, findings } = said(ours, { holders });
    expect(fields).toMatchObject({ availableCount: 0, members: [{ name: 'a', state: 'Unplumbed', reason }] });
    const expected = ['Ready=False NoMemberIsFit', 'Reconciling=True NoMemberIsFit', `Plumbed=False ${reason}`];
    expect(short(findings)).toEqual(expect.arrayContaining(expected));
  });

  test('stays with the node that it was on, while that has it', () => {
    const status = said(ours, { holders: held('bb') }).fields ?? {};
    const after = (...nodes: string[]) => said(ours, { holders: held(...nodes), observed: observedAs(status) }).fields;
    expect(after('a', 'bb')?.['members']).toMatchObject([{ node: 'bb' }]);
    expect(after('a')?.['members']).toMatchObject([{ node: 'a' }]);
  });
});

describe('an unfit address', () => {
  const nameless = new Map([['192.0.2.1', { kind: 'nameless' } as const]]);
  const listed = new Map([['bl.example 192.0.2.1', { kind: 'listed' } as const]]);
  const listing = { health: { dnsbls: ['bl.example'] } };
  const state = (of: ReturnType<typeof poolSaid>) => of.fields?.['members'];

  test('leaves rotation when it has no name that leads back, unless its pool only warns', () => {
    expect(state(said(pool([member()]), { reverses: nameless }))).toMatchObject([
      { state: 'Unhealthy', reason: 'NoReverseName' },
    ]);
    const warns = pool([member()], { health: { requireFCrDNS: 'Warn' } });
    expect(state(said(warns, { reverses: nameless }))).toMatchObject([{ state: 'Available', reason: 'NoReverseName' }]);
  });

  test('is not judged by its name where receivers see another', () => {
    const inside = pool([member({}, 'a', '10.0.0.1')]);
    const reverses = new Map([['10.0.0.1', { kind: 'nameless' } as const]]);
    expect(state(said(inside, { reverses }))).toMatchObject([{ state: 'Available', reason: 'NoReverseName' }]);
  });

  test('leaves rotation when a blocklist that its pool names has it', () => {
    expect(state(said(pool([member()], listing), { listings: listed }))).toMatchObject([
      { state: 'Unhealthy', reason: 'Listed', listedOn: ['bl.example'] },
    ]);
    expect(state(said(pool([member()]), { listings: listed }))).toEqual([{ name: 'a', state: 'Available' }]);
  });

  test('is said to be so by who has not looked yet', () => {
    const both = pool([member(), member({}, 'b', '192.0.2.2')], listing);
    const reverses = new Map([['192.0.2.2', { kind: 'nameless' } as const]]);
    const before = said(both, { reverses, listings: listed });
    const again = said(both, { listings: undefined, observed: observedAs(before.fields ?? {}) });
    expect(again.fields).toEqual(before.fields);
    expect(again.fields).toMatchObject({ availableCount: 0 });
  });
});

describe('the names of a pool’s addresses', () => {
  const three = pool(
    ['a', 'b', 'c'].map((name, at) => member({ ehloName: 'mx.example.net' }, name, `192.0.2.${at + 1}`)),
  );
  const confirmed = { kind: 'confirmed', name: 'mx.example.net' } as const;
  const saidOf = (...all: Reverse[]) =>
    said(three, { reverses: new Map(all.map((it, at) => [`192.0.2.${at + 1}`, it])) });

  test.each<[all: Reverse[], condition: string]>([
    [[confirmed, confirmed, confirmed], 'ReverseDNSReady=True Confirmed'],
    [[confirmed, { kind: 'nameless' }, confirmed], 'ReverseDNSReady=False ReverseMissing'],
    [[confirmed, { kind: 'unconfirmed', name: 'x.example' }, confirmed], 'ReverseDNSReady=False ReverseMissing'],
    [[confirmed, { kind: 'unknown', reason: 'timeout' }, confirmed], 'ReverseDNSReady=Unknown NotAnswered'],
    [[confirmed, { kind: 'unknown', reason: 'timeout' }, { kind: 'nameless' }], 'ReverseDNSReady=False ReverseMissing'],
    [[confirmed, confirmed], 'ReverseDNSReady=Unknown NotAsked'],
  ])('are, of %j: %s', (all, condition) => {
    expect(short(saidOf(...all).findings)).toContain(condition);
  });

  test('are said of each member, with what to do', () => {
    const { fields } = saidOf(confirmed, { kind: 'nameless' }, { kind: 'confirmed', name: 'other.example' });
    expect(fields?.['members']).toEqual([
      { name: 'a', state: 'Available', ptr: 'mx.example.net' },
      {
        name: 'b',
        state: 'Unhealthy',
        reason: 'NoReverseName',
        message: '192.0.2.2 has no name: let mx.example.net be its PTR record',
      },
      {
        name: 'c',
        state: 'Available',
        ptr: 'other.example',
        reason: 'EHLODiffers',
        message: 'EHLO says mx.example.net, and 192.0.2.3 is other.example: let both be one name',
      },
    ]);
  });

  test('are said as before by who has not looked yet', () => {
    const before = saidOf(confirmed, { kind: 'nameless' }, confirmed);
    const status = { ...before.fields, conditions: before.findings };
    const again = said(three, { observed: observedAs(status) });
    expect(again.fields).toEqual(before.fields);
    expect(short(again.findings)).toEqual(short(before.findings));
  });
});
