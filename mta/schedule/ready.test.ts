import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type LaneName, laneName, tenantOf } from '../queue/queue.ts';
import { ReadyLanes } from './ready.ts';

const lane = (tenant: string, domain: string, priority?: 'bulk'): LaneName =>
  laneName({ tenant, pool: 'default/main', domain, priority });

/** Takes as many lanes as asked for, each with ten messages and put back, and says whose they were. */
function turns(ready: ReadyLanes, count: number, messages: (lane: LaneName) => number = () => 10): LaneName[] {
  return Array.from({ length: count }, () => {
    const taken = ready.take(10) ?? '';
    ready.refund(taken, 10 - messages(taken));
    ready.add(taken);
    return taken;
  });
}

test('lanes of one tenant come in turn', () => {
  const ready = new ReadyLanes();
  const lanes = ['x', 'y', 'z'].map((it) => lane('a', it));
  for (const it of lanes) ready.add(it);
  expect(turns(ready, 6)).toEqual([...lanes, ...lanes]);
});

test('a tenant with a hundred lanes has no more turns than one with one', () => {
  const ready = new ReadyLanes();
  for (let at = 0; at < 100; at += 1) ready.add(lane('many', `d${at}.test`));
  ready.add(lane('one', 'd.test'));
  expect(turns(ready, 20).filter((it) => tenantOf(it) === 'one')).toHaveLength(10);
});

test('a tenant whose lanes hold one message each has as many messages as one whose lanes are full', () => {
  const ready = new ReadyLanes();
  for (let at = 0; at < 100; at += 1) ready.add(lane('small', `d${at}.test`));
  ready.add(lane('large', 'd.test'));
  const sent = { small: 0, large: 0 };
  for (const it of turns(ready, 550, (of) => (tenantOf(of) === 'small' ? 1 : 10)))
    sent[tenantOf(it) as 'small' | 'large'] += tenantOf(it) === 'small' ? 1 : 10;
  expect(sent.small / sent.large).toBeGreaterThan(0.9);
  expect(sent.small / sent.large).toBeLessThan(1.1);
});

test('transactional mail goes before bulk, which still has every fifth turn', () => {
  const ready = new ReadyLanes();
  const [bulk, transactional] = [lane('a', 'x', 'bulk'), lane('a', 'x')];
  ready.add(bulk);
  ready.add(transactional);
  expect(
    turns(ready, 10)
      .map((it) => (it === bulk ? 'b' : 't'))
      .join(''),
  ).toBe('ttttbttttb');
});

test('bulk alone is not held back', () => {
  const ready = new ReadyLanes();
  ready.add(lane('a', 'x', 'bulk'));
  expect(turns(ready, 3)).toHaveLength(3);
});

test('one tenant’s bulk does not wait for another’s transactional mail', () => {
  const ready = new ReadyLanes();
  ready.add(lane('a', 'x', 'bulk'));
  ready.add(lane('b', 'x'));
  expect(turns(ready, 10).filter((it) => tenantOf(it) === 'a')).toHaveLength(5);
});

test('what is added is taken once, whatever happens in between', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('add', 'take'), fc.nat(3), fc.nat(5), fc.boolean()), {
    maxLength: 300,
  });
  fc.assert(
    fc.property(steps, (all) => {
      const ready = new ReadyLanes();
      const waiting = new Set<LaneName>();
      const wrong: unknown[] = [];
      for (const [what, tenant, domain, isBulk] of all) {
        const name = lane(`t${tenant}`, `d${domain}`, isBulk ? 'bulk' : undefined);
        if (what === 'add') ready.add(name);
        const taken = what === 'take' ? ready.take(1 + domain) : undefined;
        if (taken !== undefined && !waiting.delete(taken)) wrong.push(taken);
        if (what === 'take' && taken === undefined && waiting.size > 0) wrong.push('none');
        if (what === 'add') waiting.add(name);
        if (ready.size !== waiting.size) wrong.push(ready.size);
      }
      expect(wrong).toEqual([]);
      expect(ready.clear().toSorted()).toEqual([...waiting].toSorted());
    }),
  );
});
