import { describe, expect, test, vi } from 'vitest';
import type { KubeObject, KubeType } from '#lib/kube/kube.ts';
import type { KubeChange } from '#lib/kube/reflector.ts';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Events } from './events.ts';
import { toldBy } from './told.ts';

/** `Ready=False DNSPending`, and what else the status says. */
function domain(conditions: string[], more: object = {}): KubeObject {
  const parsed = conditions.map((text) => {
    const [, type, status, reason] = /^(\w+)=(\w+) (\w+)$/.exec(text) ?? [];
    return { type, status, reason, message: reason === 'Ready' ? '' : `about ${reason}` };
  });
  const metadata = { name: 'example.com', namespace: 'mail', uid: 'u', resourceVersion: '7' };
  return {
    apiVersion: 'postfleet.io/v1alpha1',
    kind: 'SendingDomain',
    metadata,
    status: { conditions: parsed, ...more },
  };
}

const changed = (before: KubeObject, object: KubeObject): KubeChange => ({
  kind: 'changed',
  key: 'mail/example.com',
  before,
  object,
});
const WAITING = ['Ready=False DNSPending', 'Reconciling=True DNSPending'];
const STALLED = ['Ready=False PoolRefused', 'Stalled=True PoolRefused'];

describe('what is worth telling', () => {
  test.each<[before: KubeObject, after: KubeObject, told: string[]]>([
    [domain([]), domain(WAITING), ['Normal DNSPending: about DNSPending']],
    [domain(WAITING), domain(WAITING), []],
    [domain(WAITING), domain(STALLED), ['Warning PoolRefused: about PoolRefused']],
    [domain(WAITING), domain(['Ready=True Ready']), ['Normal Ready: everything is as declared']],
    [
      domain(WAITING, { activeSelectors: ['a'] }),
      domain(WAITING, { activeSelectors: ['a', 'b'] }),
      ['Normal KeyActive: the key b signs at every worker'],
    ],
    [domain(WAITING, { activeSelectors: ['a'] }), domain(WAITING, { activeSelectors: [] }), []],
  ])('case %#', (before, after, told) => {
    expect(toldBy(changed(before, after)).map(({ type, reason, note }) => `${type} ${reason}: ${note}`)).toEqual(told);
  });

  test('is nothing of what is new or gone', () => {
    expect(toldBy({ kind: 'new', key: '', object: domain(WAITING) })).toEqual([]);
  });
});

function events(isLeading = true) {
  const made: KubeObject[] = [];
  const create = vi.fn(async (_: KubeType, object: KubeObject) => {
    made.push(object);
    throw new Error('nobody answers');
  });
  const clock = new FakeClock();
  return { made, clock, events: new Events({ kube: { create }, clock, identity: 'me', isLeading: () => isLeading }) };
}
const turn = changed(domain(WAITING), domain(STALLED));

test('an Event names whom it is about, and two operators give it one name', () => {
  const [one, other] = [events(), events()];
  one.events.heard(turn);
  other.events.heard(turn);
  expect(one.made).toEqual([
    expect.objectContaining({
      type: 'Warning',
      reason: 'PoolRefused',
      regarding: expect.objectContaining({ uid: 'u' }),
    }),
  ]);
  expect(one.made[0]?.metadata).toEqual(other.made[0]?.metadata);
});

test('who does not lead tells nothing', () => {
  const { made, events: it } = events(false);
  it.heard(turn);
  expect(made).toEqual([]);
});

test('many are dropped, and after a while others are told', () => {
  const { made, clock, events: it } = events();
  for (let count = 0; count < 500; count += 1) it.heard(turn);
  expect(made).toHaveLength(100);
  clock.advance(seconds(1));
  for (let count = 0; count < 500; count += 1) it.heard(turn);
  expect(made).toHaveLength(105);
});
