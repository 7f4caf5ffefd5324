import { beforeEach, expect, test } from 'vitest';
import type { IPPool } from '#crds/kinds/ip-pool.ts';
import { hours, minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { FakeNotebook } from '../../test/harness/notebook.ts';
import type { Course } from '../mail/firing.ts';
import { LocalLimits } from './limits/local.ts';
import { Rests } from './rests.ts';
import { type EgressSource, sourceAtSite, sourceRest, Sources, type Towards } from './source.ts';

type Member = IPPool['spec']['members'][number];

const START = Date.UTC(2026, 2, 1, 6);
let clock: FakeClock;
let rests: Rests;
let limits: LocalLimits;
let pools: Map<string, IPPool>;
let sources: Sources;

beforeEach(() => {
  clock = new FakeClock(START);
  rests = new Rests(clock);
  limits = new LocalLimits(clock, new FakeNotebook());
  pools = new Map();
  sources = new Sources({ clock, rests, limits, pool: (name) => pools.get(name), hostname: 'mail.example.com' });
});

const member = (name: string, over: Partial<Member> = {}): Member => ({
  name,
  address: '127.0.0.1',
  weight: 100,
  suspend: false,
  egress: 'Local',
  ...over,
});

function declare(
  name: string,
  members: readonly Member[],
  overflow?: string,
  verdict?: NonNullable<IPPool['verdict']>,
): void {
  pools.set(`default/${name}`, {
    apiVersion: 'postfleet.io/v1alpha1',
    kind: 'IPPool',
    metadata: { name, namespace: 'default', labels: {}, annotations: {} },
    spec: {
      clusterRef: { name: 'local' },
      namespaces: { from: 'Same' },
      members: [...members],
      ...(overflow && { overflowPoolRef: { name: overflow } }),
      health: { requireFCrDNS: 'Warn', dnsbls: [] },
    },
    ...(verdict && { verdict }),
  });
}

const towards = (over: Partial<Towards> = {}): Towards => ({
  pool: 'default/main',
  site: 'mx.test',
  provider: 'mx.test',
  connectionsPerSource: 10,
  ...over,
});

const TO_MX = { pool: 'default/main', site: 'mx.test', provider: 'mx.test' };

const chosen = (over: Partial<Towards> = {}): string => {
  const offer = sources.choose(towards(over));
  return offer.kind === 'source' ? offer.source.member : `none: ${offer.why}`;
};

/** One connection after the other, each with so many messages. */
function sendBy(connections: number, messages: (source: EgressSource) => number): Record<string, number> {
  const sent: Record<string, number> = {};
  for (let at = 0; at < connections; at += 1) {
    const offer = sources.choose(towards());
    if (offer.kind === 'none') throw new Error(offer.why);
    const count = messages(offer.source);
    sources.sent(offer.source, count);
    sent[offer.source.member] = (sent[offer.source.member] ?? 0) + count;
  }
  return sent;
}

test('messages are shared by weight, however many a connection carries', () => {
  declare('main', [member('a', { weight: 70 }), member('b', { weight: 20 }), member('c', { weight: 10 })]);
  const sent = sendBy(2000, ({ member: name }) => (name === 'a' ? 3 : 17));
  const all = Object.values(sent).reduce((sum, it) => sum + it, 0);
  expect((sent['a'] ?? 0) / all).toBeCloseTo(0.7, 1);
  expect((sent['c'] ?? 0) / all).toBeCloseTo(0.1, 1);
});

test.each([1, 20, 100, 500])('shares are by weight when each connection carries %d messages', (messages) => {
  declare('main', [member('a', { weight: 300 }), member('b', { weight: 100 })]);
  const { a = 0, b = 0 } = sendBy(4000, () => messages);
  expect(a / (a + b)).toBeCloseTo(0.75, 2);
});

test('connections opened together are spread by weight', () => {
  declare('main', [member('a', { weight: 75 }), member('b', { weight: 25 })]);
  const open = { a: 0, b: 0 };
  for (let at = 0; at < 40; at += 1) {
    const offer = sources.choose(towards());
    if (offer.kind === 'none') throw new Error(offer.why);
    sources.opened(offer.source);
    open[offer.source.member as 'a' | 'b'] += 1;
  }
  expect(open).toEqual({ a: 30, b: 10 });
});

test('a source that comes back does not make up for its absence', () => {
  declare('main', [member('a', { suspend: true }), member('b')]);
  sendBy(1000, () => 10);
  declare('main', [member('a'), member('b')]);
  const sent = sendBy(20, () => 10);
  expect(sent['b']).toBeGreaterThanOrEqual(50);
});

test('a source that one site refuses does not make up for it at others', () => {
  declare('main', [member('a'), member('b')]);
  rests.failed(sourceAtSite('default/main/a', 'mx.test'));
  const sent = { a: 0, b: 0 };
  const sendTo = (site: string): void => {
    const offer = sources.choose(towards({ site }));
    if (offer.kind === 'none') throw new Error(offer.why);
    sources.sent(offer.source, 10);
    if (site !== 'mx.test') sent[offer.source.member as 'a' | 'b'] += 10;
  };
  for (let at = 0; at < 100; at += 1) sendTo('mx.test');
  for (let at = 0; at < 20; at += 1) sendTo('other.test');
  expect(sent).toEqual({ a: 100, b: 100 });
});

test.each([
  ['is asked for alone first', () => sources.hasOther({ ...TO_MX, source: 'default/main/a' } as Course)],
  ['comes while the other rests', () => sources.choose(towards({ site: 'resting.test' }))],
])('a newcomer that %s does not make up for what it has missed', (_, first) => {
  declare('main', [member('a')]);
  sendBy(1000, () => 10);
  declare('main', [member('a'), member('b')]);
  rests.failed(sourceAtSite('default/main/a', 'resting.test'));
  first();
  const { a = 0, b = 0 } = sendBy(20, () => 10);
  expect(Math.abs(a - b)).toBeLessThanOrEqual(20);
});

test('whoever asks for another source than one takes nothing from its share', () => {
  declare('main', [member('a', { weight: 300 }), member('b', { weight: 100 })]);
  const course = { ...TO_MX, source: 'default/main/a' } as Course;
  const { a = 0, b = 0 } = sendBy(1000, () => {
    expect(sources.hasOther(course)).toBe(true);
    return 100;
  });
  expect(a / (a + b)).toBeCloseTo(0.75, 2);
});

test.each([
  { what: 'suspended', over: { suspend: true } },
  { what: 'of another machine', over: { egress: 'Node' } },
  { what: 'without weight', over: { weight: 0 } },
] as const)('a member that is $what is passed over', ({ over }) => {
  declare('main', [member('a', over), member('b')]);
  expect([chosen(), chosen()]).toEqual(['b', 'b']);
  declare('main', [member('a', over)]);
  expect(chosen()).toBe('none: no member of IPPool default/main can send from this machine');
});

test('a member behind a proxy is chosen like any other, and says where it is', () => {
  const proxy = { url: 'socks5://proxy:1080' };
  declare('main', [member('a', { egress: 'Proxy', proxy }), member('b', { egress: 'Node' })]);
  expect(sources.choose(towards())).toMatchObject({ kind: 'source', source: { member: 'a', proxy } });
  rests.failed(sourceRest('default/main/a'));
  expect(chosen()).toBe('none: source default/main/a rests');
});

test('a pool that is gone says so', () => {
  expect(chosen()).toBe('none: there is no IPPool default/main');
});

test('a source that cannot be bound to is passed over everywhere, one that a site refuses only there', () => {
  declare('main', [member('a'), member('b'), member('c')]);
  rests.failed(sourceRest('default/main/a'));
  rests.failed(sourceAtSite('default/main/b', 'mx.test'));
  expect(chosen()).toBe('c');
  const elsewhere = new Set(
    [1, 2, 3, 4].map(() => {
      const offer = sources.choose(towards({ site: 'other.test' }));
      if (offer.kind === 'source') sources.sent(offer.source, 10);
      return offer.kind === 'source' ? offer.source.member : '';
    }),
  );
  expect([...elsewhere].toSorted()).toEqual(['b', 'c']);
  clock.advance(minutes(1));
  expect(chosen()).toBe('a');
});

test('mail that should leave from an address again does, as long as it can', () => {
  declare('main', [member('a'), member('b', { weight: 1, address: '127.0.0.2' })]);
  expect(chosen({ from: '127.0.0.2' })).toBe('b');
  rests.failed(sourceRest('default/main/b'));
  expect(chosen({ from: '127.0.0.2' })).toBe('a');
});

test('a warm-up day is spent per provider, and begins anew at midnight', () => {
  declare('main', [member('a', { warmup: { startDate: '2026-03-01', plan: 'Custom', dailyLimits: [3, 5] } })]);
  const send = (provider: string): number => {
    const offer = sources.choose(towards({ provider }));
    return offer.kind === 'source' ? limits.take(offer.claims, 100).granted : 0;
  };
  expect([send('gmail'), send('gmail'), send('yahoo')]).toEqual([3, 0, 3]);
  clock.advance(hours(18) + seconds(1));
  expect([send('gmail'), send('gmail')]).toEqual([5, 0]);
  clock.advance(hours(24));
  const offer = sources.choose(towards());
  expect(offer).toMatchObject({ kind: 'source', claims: [] });
});

test('what is above the warm-up goes by the other members, then by the overflow pool', () => {
  const warmup = { startDate: '2026-03-01', plan: 'Custom', dailyLimits: [3] } as const;
  declare('main', [member('new', { warmup: { ...warmup, dailyLimits: [3] } }), member('old')]);
  limits.take(
    [{ kind: 'budget', name: 'warm-up default/main/new mx.test 2026-03-01', limit: 3, ends: START + hours(18) }],
    3,
  );
  expect(chosen()).toBe('old');
  declare('main', [member('new', { warmup: { ...warmup, dailyLimits: [3] } })], 'warm');
  expect(chosen()).toBe('none: default/main/new has sent what its warm-up allows today');
  declare('warm', [member('hot')]);
  expect(chosen()).toBe('hot');
});

test('what of the warm-up is not at hand yet is waited for, and no reason to send by the overflow pool', () => {
  declare('main', [member('new', { warmup: { startDate: '2026-03-01', plan: 'Custom', dailyLimits: [3] } })], 'warm');
  declare('warm', [member('hot')]);
  const onItsWay = Object.assign(new LocalLimits(clock, new FakeNotebook()), {
    take: () => ({ granted: 0, wait: 4 }),
  });
  sources = new Sources({ clock, rests, limits: onItsWay, pool: (name) => pools.get(name), hostname: 'mail.test' });
  expect(sources.choose(towards())).toMatchObject({ kind: 'none', wait: 4 });
});

test('a pool without a usable address does not spill over: only warm-up does', () => {
  declare('main', [member('a', { suspend: true })], 'warm');
  declare('warm', [member('hot')]);
  expect(chosen()).toMatch(/^none/);
});

test.each([
  { what: 'a member that can send', other: member('b'), want: true },
  { what: 'none', other: member('a'), want: false },
  { what: 'one that is suspended', other: member('b', { suspend: true }), want: false },
  { what: 'one of another machine', other: member('b', { egress: 'Node' }), want: false },
  { what: 'one without weight', other: member('b', { weight: 0 }), want: false },
  { what: 'one that the site refuses', other: member('refused'), want: false },
  {
    what: 'one whose warm-up has not begun',
    other: member('b', { warmup: { startDate: '2026-04-01', plan: 'Standard' } }),
    want: false,
  },
])('beside a source there is another when the pool has $what: $want', ({ other, want }) => {
  declare('main', other.name === 'a' ? [other] : [member('a'), other]);
  rests.failed(sourceAtSite('default/main/refused', 'mx.test'));
  const course = { pool: 'default/main', site: 'mx.test', provider: 'mx.test', tenant: 't', domain: 'example.com' };
  expect(sources.hasOther({ ...course, source: 'default/main/a' })).toBe(want);
});

test('each member of a pool says what keeps it from sending, and what its warm-up has left', () => {
  const warmup = { startDate: '2026-03-01', plan: 'Custom', dailyLimits: [10] } as const;
  declare('main', [
    member('one'),
    member('new', { warmup }),
    member('off', { suspend: true }),
    member('tired'),
    member('none', { weight: 0 }),
  ]);
  rests.suspend(sourceAtSite('default/main/tired', 'mx.test'), minutes(5), 'busy');
  expect(sources.members(towards()).map(({ name, why, warmUp }) => [name, why, warmUp])).toEqual([
    ['default/main/one', undefined, undefined],
    ['default/main/new', undefined, { limit: 10, left: 10 }],
    ['default/main/off', 'suspended in its IPPool', undefined],
    ['default/main/tired', 'source default/main/tired at mx.test rests', undefined],
    ['default/main/none', 'weight 0', undefined],
  ]);
  expect(sources.members(towards({ pool: 'default/unknown' }))).toEqual([]);
});

const endpoint = 'socks5://10.0.0.5:1080';

test('an address of a node is used by the proxy of the node that has it', () => {
  declare('main', [member('a', { egress: 'Node' })], undefined, { a: { endpoint } });
  const offer = sources.choose(towards());
  expect(offer.kind === 'source' && offer.source.proxy).toEqual({ url: endpoint, isOfNode: true });
});

test.each([
  ['no node holds', { egress: 'Node' } as const, {}, 'no node has said yet that it holds the address'],
  ['nothing is known of', { egress: 'Node' } as const, undefined, 'no node has said yet that it holds the address'],
  ['that is bad', {}, { bar: 'the operator says Unhealthy: Listed' }, 'the operator says Unhealthy: Listed'],
  ['of a node that is bad', { egress: 'Node' } as const, { endpoint, bar: 'it is bad' }, 'it is bad'],
])('an address %s is passed over, and it is told why', (_, over, word, why) => {
  const verdict = { ...(word && { a: word }), b: {} };
  declare('main', [member('a', over), member('b')], undefined, verdict);
  expect(chosen()).toBe('b');
  declare('main', [member('a', over)], undefined, verdict);
  expect(chosen()).toBe(`none: default/main/a: ${why}`);
  expect(sources.members(towards())[0]?.why).toBe(why);
});

test('what a pool says of its members itself is told before what others say', () => {
  declare('main', [member('a', { suspend: true })], undefined, { a: { bar: 'it is bad' } });
  expect(sources.members(towards())[0]?.why).toBe('suspended in its IPPool');
});
