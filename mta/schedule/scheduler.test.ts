import { beforeEach, expect, test } from 'vitest';
import { minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { FakeNotebook } from '../../test/harness/notebook.ts';
import type { Claim, Full, Slot, SlotClaim } from './limits/limits.ts';
import { LocalLimits } from './limits/local.ts';
import type { Plan, Turn } from './plan.ts';
import { Rests } from './rests.ts';
import { Scheduler, type SchedulerOptions } from './scheduler.ts';
import { type EgressSource, sourceAtSite, sourceRest, type SourceOffer } from './source.ts';

let clock: FakeClock;
let rests: Rests;
let started: Turn[];
let scheduler: Scheduler;
/** What the sources answer, by turns; the first is used again when there are no more. */
let sources: SourceOffer[];
let sent: Record<string, number>;

const source = (name: string, claims: readonly Claim[] = []): SourceOffer => ({
  kind: 'source',
  source: { name, member: name, address: '', ehloName: 'mail.example.com', weight: 100 },
  slots: [{ name: `${name} at site`, most: 100 }],
  claims,
});

const plan = (site: string, over: Partial<Plan> = {}): Plan => ({
  ready: site,
  site,
  towards: { pool: 'default/main', site, provider: site, connectionsPerSource: 10 },
  connections: 2,
  slots: [],
  openings: [],
  rates: [],
  ...over,
});

/** A lane's site is the part before the dash; every site may have two connections, all together three. */
function open(over: Partial<SchedulerOptions> = {}): void {
  started = [];
  sent = {};
  sources = [source('one')];
  const count = ({ name }: EgressSource, messages: number): void => {
    sent[name] = (sent[name] ?? 0) + messages;
  };
  scheduler = new Scheduler({
    clock,
    rests,
    limits: new LocalLimits(clock, new FakeNotebook()),
    sources: {
      choose: () => (sources.length > 1 ? sources.shift() : sources[0]) ?? source('one'),
      opened: () => undefined,
      ended: () => undefined,
      sent: count,
    },
    planOf: (lane) => plan(lane.split('-')[0] ?? ''),
    start: (turn) => started.push(turn),
    connections: 3,
    ...over,
  });
}

beforeEach(() => {
  clock = new FakeClock();
  rests = new Rests(clock);
  open();
});

const turn = (at: number): Turn => {
  const it = started[at];
  if (!it) throw new Error(`connection ${at} was not started`);
  return it;
};
const lanes = (): string[] => started.map((it) => it.offer.lane);
const announce = (...all: readonly string[]): void => {
  for (const lane of all) scheduler.announce(lane);
};
const nextOf = async (at: number, idle = 0): Promise<string | undefined> => (await turn(at).next(idle))?.lane;
const waitsFor = (): (string | undefined)[] => scheduler.states().map((it) => it.waitsFor);

test('a lane starts a connection, and a site gets no more than its limit', () => {
  announce('a-1', 'a-2', 'a-3');
  expect(lanes()).toEqual(['a-1', 'a-2']);
});

test('a connection takes the lanes of its site in turn', async () => {
  announce('a-1', 'a-2', 'a-3', 'a-4');
  expect(await nextOf(0)).toBe('a-3');
  turn(0).putBack('a-3');
  expect(await nextOf(1)).toBe('a-4');
  expect(await nextOf(1)).toBe('a-3');
});

class LimitsOfMany extends LocalLimits {
  /** Answers that are not at hand yet. */
  notYet = 0;
  isWanted = false;

  override connect(claims: readonly SlotClaim[]): Slot | Full {
    if (this.notYet > 0) {
      this.notYet -= 1;
      return { full: 'site a', wait: 5 };
    }
    const slot = super.connect(claims);
    if ('full' in slot) return slot;
    const isWanted = (): boolean => this.isWanted;
    return {
      release: () => slot.release(),
      get isWanted() {
        return isWanted();
      },
    };
  }
}

test('room for a connection that others may give is asked for again when they said', () => {
  const limits = new LimitsOfMany(clock, new FakeNotebook());
  open({ limits });
  limits.notYet = 2;
  announce('a-1');
  expect(waitsFor()).toEqual(['a connection: site a has all it may have']);
  clock.advance(9);
  expect(lanes()).toEqual([]);
  clock.advance(1);
  expect(lanes()).toEqual(['a-1']);
});

test('a connection that another process waits for ends after the message it is at', async () => {
  const limits = new LimitsOfMany(clock, new FakeNotebook());
  open({ limits });
  announce('a-1', 'a-2', 'a-3');
  expect(turn(0).goesOn).toBe(true);
  limits.isWanted = true;
  expect(turn(0).goesOn).toBe(false);
  expect(await nextOf(0)).toBeUndefined();
});

test('sites do not wait for one another', () => {
  announce('a-1', 'a-2', 'a-3', 'b-1');
  expect(lanes()).toEqual(['a-1', 'a-2', 'b-1']);
});

test('a site that finds all connections taken is served as soon as one ends', () => {
  announce('a-1', 'a-2', 'b-1', 'c-1');
  expect(started).toHaveLength(3);
  turn(0).leave('done');
  expect(lanes()[3]).toBe('c-1');
});

test('an idle connection gets the next lane of its site, before a new one is started', async () => {
  announce('a-1');
  const next = nextOf(0, seconds(5));
  announce('a-2');
  expect(await next).toBe('a-2');
  expect(started).toHaveLength(1);
});

test('an idle connection gives up after its time, and leaves no timer', async () => {
  announce('a-1');
  const next = nextOf(0, seconds(5));
  clock.advance(seconds(5));
  expect(await next).toBeUndefined();
  expect(clock.timers).toBe(0);
});

test('an idle connection gives way to another site when all are taken', async () => {
  announce('a-1', 'a-2', 'b-1');
  const next = nextOf(2, seconds(5));
  announce('c-1');
  expect(await next).toBeUndefined();
  turn(2).leave('done');
  expect(lanes()[3]).toBe('c-1');
});

test('a site that cannot be reached rests, is probed by one connection, and rests longer', () => {
  announce('a-1', 'a-2', 'a-3', 'a-4');
  turn(0).leave('unreachable');
  turn(1).leave('unreachable');
  expect(waitsFor()).toEqual(['the site could not be reached and rests']);
  clock.advance(seconds(14));
  expect(started).toHaveLength(2);
  clock.advance(seconds(1));
  expect(started).toHaveLength(3);
  turn(2).leave('unreachable');
  clock.advance(seconds(29));
  expect(started).toHaveLength(3);
  clock.advance(seconds(1));
  expect(started).toHaveLength(4);
});

test('all ready queues of a dead site share one probe', () => {
  open({ planOf: (lane) => plan('dead', { ready: `${lane} dead` }), connections: 100 });
  announce('1', '2', '3', '4', '5');
  for (const it of started) it.leave('unreachable');
  announce('1', '2', '3', '4', '5');
  clock.advance(seconds(15));
  expect(started).toHaveLength(6);
  turn(5).leave('unreachable');
  clock.advance(seconds(30));
  expect(started).toHaveLength(7);
});

test('when the probe gets through, every ready queue of the site is served at once', () => {
  open({ planOf: (lane) => plan('dead', { ready: `${lane} dead` }), connections: 100 });
  announce('1');
  turn(0).leave('unreachable');
  announce('1', '2', '3');
  clock.advance(seconds(15));
  expect(started).toHaveLength(2);
  turn(1).taken();
  expect(lanes().toSorted()).toEqual(['1', '1', '2', '3']);
});

test('after a probe has failed the next is due with the rest, whoever of those that wait still has mail', () => {
  const moved = new Map<string, string>();
  const siteOf = (lane: string): string => moved.get(lane) ?? 'dead';
  open({ planOf: (lane) => plan(siteOf(lane), { ready: `${lane} ${siteOf(lane)}` }), connections: 100 });
  announce('1');
  turn(0).leave('unreachable');
  announce('1', '2', '3', '4');
  clock.advance(seconds(15));
  expect(started).toHaveLength(2);
  turn(1).leave('unreachable');
  // It is the first of those that wait, but its mail goes elsewhere by now: the next probes.
  moved.set('4', 'elsewhere');
  clock.advance(seconds(30));
  expect(lanes().toSorted()).toEqual(['1', '1', '2', '4']);
});

test('after a change of the rules what waited before is not taken for what waits now', () => {
  open({ planOf: (lane) => plan('dead', { ready: `${lane} dead` }), connections: 100 });
  announce('1');
  turn(0).leave('unreachable');
  announce('1');
  scheduler.replan();
  clock.advance(seconds(15));
  expect([lanes(), scheduler.states().length]).toEqual([['1', '1'], 1]);
  announce('1');
  expect([started.length, scheduler.states().length]).toEqual([2, 1]);
});

test('a probe that ends without an answer leaves the question to the next', () => {
  announce('a-1');
  turn(0).leave('unreachable');
  announce('a-1', 'a-2');
  clock.advance(seconds(15));
  expect(started).toHaveLength(2);
  turn(1).leave('done');
  expect(started).toHaveLength(3);
});

test('a source that a site refuses rests there, one that cannot be bound to rests everywhere', () => {
  announce('a-1', 'b-1');
  turn(0).leave('refused');
  turn(1).leave('unplumbed');
  expect(rests.of(sourceAtSite('one', 'a')).kind).toBe('wait');
  expect(rests.of(sourceRest('one')).kind).toBe('wait');
  expect(rests.of('a').kind).toBe('clear');
  expect(rests.of('b').kind).toBe('clear');
});

test('mail waits while no source can send, and says why', () => {
  sources = [{ kind: 'none', wait: seconds(60), why: 'the pool is suspended' }, source('one')];
  announce('a-1');
  expect(waitsFor()).toEqual(['the pool is suspended']);
  clock.advance(seconds(60));
  expect(lanes()).toEqual(['a-1']);
});

test('after stop nothing starts and nobody waits', async () => {
  announce('a-1');
  const next = nextOf(0, seconds(5));
  scheduler.stop();
  expect(await next).toBeUndefined();
  announce('a-2');
  expect(started).toHaveLength(1);
});

test('after stop a connection is told not to go on, and gets no lane that waits', async () => {
  announce('a-1', 'a-2', 'a-3');
  expect(turn(0).goesOn).toBe(true);
  scheduler.stop();
  expect(turn(0).goesOn).toBe(false);
  expect(await nextOf(0)).toBeUndefined();
});

test('a lane that belongs elsewhere by now goes there, also when a connection asks for the next', async () => {
  const moved = new Map<string, string>();
  open({ planOf: (lane) => plan(moved.get(lane) ?? 'old', { connections: 1 }), connections: 9 });
  announce('1', '2', '3');
  moved.set('2', 'new');
  expect(await nextOf(0)).toBe('3');
  expect(lanes()).toEqual(['1', '2']);
});

test('after a change of the rules, lanes at a resting site are sent where they belong now', () => {
  let site = 'broken';
  open({ planOf: () => plan(site, { connections: 1 }), connections: 9 });
  announce('1', '2');
  turn(0).putBack('1');
  turn(0).leave('unreachable');
  site = 'mended';
  scheduler.replan();
  expect(lanes()).toEqual(['1', '2']);
  expect(scheduler.states().map((it) => it.site)).toContain('mended');
});

test('a lane whose site is being found out waits for it, and is asked for once', async () => {
  let known = false;
  let asked = 0;
  const found = Promise.withResolvers<void>();
  const planOf = (): Plan | Promise<void> => {
    if (known) return plan('a');
    asked += 1;
    return found.promise;
  };
  open({ planOf });
  announce('1', '1', '1');
  expect(started).toHaveLength(0);
  known = true;
  found.resolve();
  await found.promise;
  expect(lanes()).toEqual(['1']);
  expect(asked).toBe(3);
});

test('room goes to one of thousands of sites that wait for it, though it must be found out anew where the mail of each goes', async () => {
  const sites = 20_000;
  const found = Promise.withResolvers<void>();
  let isKnown = true;
  open({ planOf: (lane) => (isKnown ? plan(lane) : found.promise), connections: 1 });
  for (let site = 0; site <= sites; site += 1) announce(String(site));
  isKnown = false;
  turn(0).leave('done');
  expect(started).toHaveLength(1);
  isKnown = true;
  found.resolve();
  await found.promise;
  expect(lanes()).toEqual(['0', '1']);
});

test('sites that never run dry do not shut out another', () => {
  announce('a-1', 'a-2', 'a-3', 'c-1', 'c-2', 'b-1');
  for (let at = 0; at < 6; at += 1) {
    const it = turn(at);
    it.putBack(it.offer.lane);
    it.leave('done');
  }
  expect(lanes()).toContain('b-1');
});

test('ready queues are forgotten, those of a dead site after its rest', () => {
  announce('a-1');
  turn(0).leave('done');
  announce('b-1');
  turn(1).putBack('b-1');
  turn(1).leave('unreachable');
  expect(scheduler.states().map((it) => it.site)).toEqual(['b']);
  clock.advance(seconds(15));
  turn(2).leave('done');
  expect(scheduler.states()).toEqual([]);
  expect(clock.timers).toBe(0);
});

const rate = (count: number, perSeconds: number, burst = 1): Claim => ({
  kind: 'rate',
  name: 'site a',
  rate: { count, perSeconds, burst },
});

test('an offer is no larger than the rate allows, and the next comes when it does', async () => {
  open({ planOf: () => plan('a', { rates: [rate(60, 60, 3)], connections: 1 }) });
  announce('a-1');
  expect(turn(0).offer).toEqual({ lane: 'a-1', most: 3 });
  turn(0).putBack('a-1');
  const next = turn(0).next(seconds(5));
  expect(waitsFor()).toEqual(['the rate of messages']);
  clock.advance(seconds(1));
  expect(await next).toEqual({ lane: 'a-1', most: 1 });
});

test('what an offer allowed and was not used may be used by the next', async () => {
  open({ planOf: () => plan('a', { rates: [rate(60, 60, 10)], connections: 1 }) });
  announce('a-1', 'a-2');
  turn(0).unused(turn(0).offer, 6);
  expect(await turn(0).next(0)).toEqual({ lane: 'a-2', most: 6 });
  expect(sent).toEqual({ one: 10 });
});

test('a rate that is used up starts no connection, and one comes when it allows', () => {
  open({ planOf: () => plan('a', { rates: [rate(100, 3600)], connections: 5 }) });
  announce('a-1');
  turn(0).putBack('a-1');
  turn(0).leave('done');
  expect(started).toHaveLength(1);
  clock.advance(seconds(36));
  expect(started).toHaveLength(2);
});

test('new connections come no faster than their rate', () => {
  open({ planOf: () => plan('a', { openings: [rate(60, 60)], connections: 5 }), connections: 100 });
  announce('a-1', 'a-2', 'a-3');
  expect(started).toHaveLength(1);
  clock.advance(seconds(1));
  expect(started).toHaveLength(2);
});

test('a provider’s limit holds over all its sites, and the room goes to who waits', () => {
  const slots = [{ name: 'provider p', most: 1 }];
  open({ planOf: (lane) => plan(lane.split('-')[0] ?? '', { slots }), connections: 100 });
  announce('a-1', 'b-1');
  expect(lanes()).toEqual(['a-1']);
  expect(waitsFor()[1]).toBe('a connection: provider p has all it may have');
  turn(0).leave('done');
  expect(lanes()).toEqual(['a-1', 'b-1']);
});

test('a source that is out of its warm-up gives way to another', () => {
  const warmUp: Claim = { kind: 'budget', name: 'warm-up', limit: 4, ends: clock.now() + minutes(60) };
  open({ connections: 100 });
  sources = [source('new', [warmUp]), source('old')];
  announce('a-1');
  expect(turn(0).offer.most).toBe(4);
  turn(0).putBack('a-1');
  expect(lanes()).toEqual(['a-1', 'a-1']);
  expect(turn(1).source.name).toBe('old');
});

test('a new site is given a few connections, and more as it takes mail', () => {
  const lanesOf = Array.from({ length: 40 }, (_, at) => `a-${at}`);
  open({ planOf: () => plan('a', { connections: 20 }), connections: 100 });
  announce(...lanesOf);
  expect(started).toHaveLength(5);
  for (const it of started.slice(0, 5)) it.taken();
  expect(started).toHaveLength(10);
});

test('a site that pushes back is given half, and connections above that end', async () => {
  open({ planOf: () => plan('a', { connections: 20 }), connections: 100 });
  announce(...Array.from({ length: 40 }, (_, at) => `a-${at}`));
  turn(0).pushedBack();
  expect(await turn(1).next(0)).toBeUndefined();
  turn(1).leave('done');
  turn(2).leave('done');
  turn(3).leave('done');
  expect(started).toHaveLength(5);
  expect(await turn(4).next(0)).toBeDefined();
});

test('why a site was not reached is told to people and to the next who tries, until it takes mail', () => {
  announce('a-1');
  expect([turn(0).trouble, turn(0).pauseAfter('unreachable')]).toEqual([undefined, seconds(15)]);
  turn(0).leave('unreachable', '451 4.4.1 no connection');
  announce('a-1');
  expect(scheduler.states()).toMatchObject([{ trouble: '451 4.4.1 no connection' }]);
  clock.advance(seconds(15));
  expect([turn(1).trouble, turn(1).pauseAfter('unreachable')]).toEqual(['451 4.4.1 no connection', seconds(30)]);
  turn(1).taken();
  expect(scheduler.states()[0]?.trouble).toBeUndefined();
});

test('a site that is suspended starts nothing, its connections end, and it goes on when the time has come', async () => {
  announce('a-1', 'a-2');
  const idle = turn(1).next(seconds(5));
  scheduler.suspend('a', minutes(30), 'yahoo/complaints: 421 4.7.0 [TSS04] deferred');
  expect(await idle).toBeUndefined();
  expect(turn(0).goesOn).toBe(false);
  turn(0).leave('done');
  turn(1).leave('done');
  announce('a-3');
  expect(started).toHaveLength(2);
  expect(scheduler.states()).toMatchObject([{ trouble: 'yahoo/complaints: 421 4.7.0 [TSS04] deferred' }]);
  clock.advance(minutes(30));
  expect(lanes()[2]).toBe('a-3');
});

test('room that was held for a lane that has moved is told to who waits for it', () => {
  const moved = new Map<string, string>();
  open({ planOf: (lane) => plan(moved.get(lane) ?? 'old'), connections: 1 });
  sources = [{ kind: 'none', wait: seconds(60), why: 'the pool is suspended' }, source('one')];
  announce('1');
  moved.set('1', 'new');
  clock.advance(seconds(60));
  expect(started.map((it) => it.offer.lane)).toEqual(['1']);
});

test('a ready queue is forgotten whose last lane has moved', () => {
  const sites = new Map([['1', 'old']]);
  open({ planOf: (lane) => plan(sites.get(lane) ?? 'other'), connections: 1 });
  announce('0', '1');
  sites.set('1', 'new');
  turn(0).leave('done');
  expect(scheduler.states().map((it) => it.site)).toEqual(['new']);
});

test('a source that could not be bound to is as good as new once mail has left from it', () => {
  announce('a-1');
  turn(0).leave('unplumbed');
  announce('a-2');
  clock.advance(seconds(15));
  turn(1).taken();
  expect(rests.of(sourceRest('one')).kind).toBe('clear');
});

test('an idle connection whose source is suspended meanwhile gets nothing more', async () => {
  announce('a-1', 'a-2', 'a-3');
  rests.suspend(sourceAtSite('one', 'a'), minutes(30), 'refused');
  expect(await nextOf(0)).toBeUndefined();
});

test('more than an offer says is counted where the offer is, and what is not used goes back there', async () => {
  open({ planOf: () => plan('a', { rates: [rate(60, 60, 50)], connections: 1 }) });
  announce('a-1', 'a-2');
  expect(turn(0).more(turn(0).offer, 90)).toBe(40);
  expect(sent).toEqual({ one: 50 });
  turn(0).unused(turn(0).offer, 8);
  expect(await turn(0).next(0)).toEqual({ lane: 'a-2', most: 8 });
  expect(sent).toEqual({ one: 50 });
});

test('who has sent more than an offer says waits for it', () => {
  open({ planOf: () => plan('a', { connections: 1 }) });
  announce('t-1', 'u-1', 't-2', 'u-2', 'u-3');
  turn(0).more(turn(0).offer, 90);
  for (let at = 0; at < 4; at += 1) turn(at).leave('done');
  expect(lanes()).toEqual(['t-1', 'u-1', 'u-2', 'u-3', 't-2']);
});

test('what was taken under other rules goes back to those, when the rules have changed since', async () => {
  let name = 'old';
  const limits = new LocalLimits(clock, new FakeNotebook());
  const claims = (): readonly Claim[] => [{ ...rate(60, 60, 10), name }];
  open({ limits, planOf: () => plan('a', { rates: claims(), connections: 1 }) });
  announce('a-1');
  name = 'new';
  scheduler.replan();
  announce('a-2');
  const old: Claim = { ...rate(60, 60, 10), name: 'old' };
  expect(limits.take([old], 1).granted).toBe(0);
  expect(await turn(0).next(0)).toEqual({ lane: 'a-2', most: 10 });
  turn(0).unused(turn(0).offer, 4);
  expect([limits.take([old], 10).granted, limits.take(claims(), 10).granted]).toEqual([0, 4]);
});

test('what is held waits and says why, other lanes of its site go on, and it goes when it is held no more', async () => {
  let held = true;
  const of = (lane: string): Plan =>
    held && lane === 'a-held' ? plan('a', { ready: 'a held by x', held: 'suspended by ann' }) : plan('a');
  open({ planOf: of });
  announce('a-held', 'a-1');
  expect(lanes()).toEqual(['a-1']);
  expect(scheduler.states().find((it) => it.ready === 'a held by x')).toMatchObject({
    site: 'a',
    lanes: 1,
    waitsFor: 'suspended by ann',
  });
  clock.advance(minutes(60));
  expect(lanes()).toEqual(['a-1']);
  held = false;
  scheduler.replan();
  expect(lanes()).toEqual(['a-1', 'a-held']);
});

test('a connection under way takes no more of a lane that is held by now', async () => {
  let held = false;
  open({ planOf: () => (held ? plan('a', { ready: 'a held by x', held: 'suspended by ann' }) : plan('a')) });
  announce('a-1', 'a-2', 'a-3');
  held = true;
  scheduler.replan();
  const next = nextOf(0, seconds(1));
  clock.advance(seconds(1));
  expect(await next).toBeUndefined();
  expect(lanes()).toEqual(['a-1', 'a-2']);
});
