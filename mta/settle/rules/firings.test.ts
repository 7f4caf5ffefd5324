import { beforeEach, describe, expect, test } from 'vitest';
import { hours, minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { FakeNotebook } from '../../../test/harness/notebook.ts';
import type { Course, Firing } from '../../mail/firing.ts';
import { Firings } from './firings.ts';
import type { Meaning } from './meaning.ts';
import type { Rule } from './rule.ts';

const COURSE: Course = {
  site: 's',
  pool: 'p',
  provider: 'yahoo',
  tenant: 't',
  domain: 'example.com',
  source: '192.0.2.1',
};

let clock: FakeClock;
let notebook: FakeNotebook;
let firings: Firings;
beforeEach(() => {
  clock = new FakeClock();
  notebook = new FakeNotebook();
  firings = new Firings(clock, notebook);
});

function meaning(by: Partial<Rule>, over: Partial<Meaning> = {}): Meaning {
  const rule: Rule = { name: 'p/r', class: 'Reputation', scope: 'source', action: 'suspend', ...by };
  return { class: 'Reputation', outcome: 'later', action: rule.action ?? 'retry', rule: rule.name, by: rule, ...over };
}
const fire = (by: Partial<Rule>, course: Partial<Course> = {}, over: Partial<Meaning> = {}) =>
  firings.of(meaning(by, over), () => ({ ...COURSE, ...course }), '421 go away');

test('a firing names the rule, its words and its end', () => {
  expect(fire({ duration: hours(2) })).toStrictEqual({
    rule: 'p/r',
    action: 'suspend',
    scope: 'source',
    until: clock.now() + hours(2),
    sample: '421 go away',
    course: COURSE,
  });
});

test.each(['retry', 'fail', 'suppress', 'split'] as const)(
  '%s is done with the mail itself: nothing fires',
  (action) => {
    expect(fire({ action })).toBeUndefined();
  },
);

test.each<[Firing['action'], Firing['scope'], Firing['scope']]>([
  ['slow', 'site', 'site'],
  ['suspend', 'domain', 'domain'],
  ['other-source', 'source', 'source'],
  ['other-source', 'site', 'source'],
])('%s of a rule about a %s is done to the %s', (action, scope, done) => {
  expect(fire({ action, scope })).toMatchObject({ action, scope: done, until: clock.now() + minutes(30) });
  expect(fire({ action, scope }, { source: '192.0.2.2' }) !== undefined).toBe(done === 'source');
});

test('a firing that slows brings its limits along', () => {
  expect(fire({ action: 'slow', limits: { connections: 1 } })).toMatchObject({ limits: { connections: 1 } });
});

test('what no rule says does not fire', () => {
  const { by: _, ...unknown } = meaning({});
  expect(firings.of(unknown, () => COURSE, '')).toBeUndefined();
});

test('a reply that came just as long ago as a trigger looks back does not count', () => {
  const by = { trigger: { count: 2, per: hours(1) } };
  expect(fire(by)).toBeUndefined();
  clock.advance(hours(1));
  expect(fire(by)).toBeUndefined();
  clock.advance(hours(1) - 1);
  expect(fire(by)).toBeDefined();
});

test('a trigger of one reply is none', () => {
  expect(fire({ trigger: { count: 1, per: hours(1) } })).toBeDefined();
});

test('what is counted and what holds is noted until it means nothing', () => {
  const by = { trigger: { count: 2, per: hours(1) }, duration: hours(2) };
  const [start, about] = [clock.now(), 'p/r 192.0.2.1 s'];
  fire(by);
  expect(notebook.reopened().notes).toEqual([{ key: `seen ${about}`, value: [start], until: start + hours(1) }]);
  fire(by);
  expect(notebook.reopened().notes).toEqual([{ key: `holds ${about}`, value: true, until: start + hours(2) }]);
});

test('what a rule says but the reply does not allow does not fire', () => {
  expect(fire({}, {}, { action: 'retry' })).toBeUndefined();
});

test('while it holds a rule fires once for each thing it is about', () => {
  expect(fire({ duration: minutes(5) })).toBeDefined();
  expect(fire({ duration: minutes(5) })).toBeUndefined();
  expect(fire({ duration: minutes(5) }, { source: '192.0.2.2' })).toBeDefined();
  expect(fire({ duration: minutes(5) }, { site: 'other' })).toBeDefined();
  clock.advance(minutes(5));
  expect(fire({ duration: minutes(5) })).toBeDefined();
});

test.each<[Rule['scope'], Partial<Course>, boolean]>([
  ['source', { domain: 'other.com' }, false],
  ['site', { source: '192.0.2.2' }, false],
  ['site', { site: 'other' }, true],
  ['domain', { source: '192.0.2.2', site: 'other' }, false],
  ['domain', { domain: 'other.com' }, true],
  ['domain', { tenant: 'other' }, true],
])('of scope %s, %j is another thing: %s', (scope, other, isOther) => {
  expect(fire({ scope })).toBeDefined();
  expect(fire({ scope }, other) !== undefined).toBe(isOther);
});

test('a rule with a trigger fires when enough replies came in its time, and counts anew then', () => {
  const by = { trigger: { count: 3, per: hours(1) }, duration: minutes(1) };
  const tries = (...pauses: number[]) =>
    pauses.map((pause) => {
      clock.advance(pause);
      return fire(by) !== undefined;
    });
  expect(tries(0, minutes(10), minutes(10))).toEqual([false, false, true]);
  expect(tries(minutes(2), minutes(10), minutes(51), minutes(1))).toEqual([false, false, false, true]);
});

describe('an address', () => {
  const nowhere = meaning({}, { class: 'Invalid Address', action: 'fail', rule: 'own/no-such-domain' });

  test('is suppressed at once when the receiver says that it is not there', () => {
    expect(firings.suppresses(meaning({}, { action: 'suppress' }), 't', 'a@dest.test')).toBe(true);
  });

  test('is suppressed when its domain was not there three times in 72 hours', () => {
    const tries = [0, 71, 2, 1].map((pause) => {
      clock.advance(hours(pause));
      return firings.suppresses(nowhere, 't', 'a@dest.test');
    });
    expect(tries).toEqual([false, false, false, true]);
    expect(firings.suppresses(nowhere, 'other', 'a@dest.test')).toBe(false);
    expect(firings.suppresses({ ...nowhere, rule: 'own/null-mx' }, 't', 'b@dest.test')).toBe(false);
  });

  test('is not suppressed for what was said of others, nor for another reason of the same name', () => {
    for (const recipient of ['a', 'b', 'c', 'd'])
      expect(firings.suppresses(nowhere, 't', `${recipient}@dest.test`)).toBe(false);
    for (let at = 0; at < 9; at += 1)
      expect(firings.suppresses({ ...nowhere, class: 'Technical' }, 't', 'e@dest.test')).toBe(false);
  });

  test('is never suppressed for anything else', () => {
    for (let at = 0; at < 9; at += 1)
      for (const rule of ['own/no-route', 'every/mailbox-full', 'every/domain-gone'])
        expect(firings.suppresses({ ...nowhere, rule }, 't', 'a@dest.test')).toBe(false);
  });
});

test('counts are bounded: the oldest go first', () => {
  const by = { trigger: { count: 2, per: hours(1) } };
  for (let at = 0; at < 10_001; at += 1) fire(by, { site: `s${at}` });
  expect(fire(by, { site: 's0' })).toBeUndefined();
  clock.advance(seconds(1));
  expect(fire(by, { site: 's10000' })).toBeDefined();
});

test('of what holds the oldest are forgotten, and their notes: what fired anew is not among them', () => {
  const fires = (site: number): boolean =>
    fire({ scope: 'site', duration: minutes(1) }, { site: `${site}` }) !== undefined;
  fires(0);
  fires(1);
  clock.advance(minutes(1));
  expect(fires(0)).toBe(true);
  for (let at = 2; at <= 10_000; at += 1) fires(at);
  expect(Object.keys(notebook.kept)).toHaveLength(10_000);
  expect([fires(0), fires(2)]).toEqual([false, false]);
  expect(notebook.kept).not.toHaveProperty(['holds p/r 1']);
});

test('of what is counted the oldest is forgotten, and what was counted lately is not', () => {
  const by = { scope: 'site' as const, trigger: { count: 3, per: hours(1) } };
  const count = (site: number): boolean => fire(by, { site: `${site}` }) !== undefined;
  for (const site of [0, 1, 0]) count(site);
  for (let at = 2; at <= 10_000; at += 1) count(at);
  expect(count(0)).toBe(true);
  expect([count(1), count(1), count(1)]).toEqual([false, false, true]);
});

describe('after a restart', () => {
  const restart = (): void => {
    notebook = notebook.reopened();
    firings = new Firings(clock, notebook);
  };
  const trigger = { count: 3, per: minutes(10) };

  test('what was counted counts', () => {
    expect([fire({ trigger }), fire({ trigger })]).toEqual([undefined, undefined]);
    restart();
    expect(fire({ trigger })).toBeDefined();
  });

  test('a count that led to a firing is used up, and what holds does not fire again', () => {
    for (const want of [false, false, true]) expect(fire({ trigger, duration: hours(1) }) !== undefined).toBe(want);
    restart();
    expect(fire({ duration: hours(1) })).toBeUndefined();
    clock.advance(hours(1));
    expect(fire({ trigger })).toBeUndefined();
    expect(Object.keys(notebook.kept)).toHaveLength(2);
  });

  test('an address of a domain that is not there is counted on', () => {
    const nowhere = meaning({}, { class: 'Invalid Address', rule: 'own/no-such-domain', action: 'retry' });
    const suppresses = (): boolean => firings.suppresses(nowhere, 't', 'a@b.test');
    expect([suppresses(), suppresses()]).toEqual([false, false]);
    restart();
    expect(suppresses()).toBe(true);
  });
});

test('what is forgotten because there is too much of it is not noted either', () => {
  const trigger = { count: 3, per: minutes(10) };
  for (let at = 0; at < 10_010; at += 1) fire({ trigger, scope: 'site' }, { site: `site ${at}` });
  expect(Object.keys(notebook.kept)).toHaveLength(10_000);
});
