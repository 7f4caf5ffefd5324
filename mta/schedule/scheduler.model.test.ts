/**
 * Random days of a scheduler: whatever happens, no lane is forgotten, no limit is passed, and nothing is left behind.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Duration, minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { FakeNotebook } from '../../test/harness/notebook.ts';
import { LocalLimits } from './limits/local.ts';
import type { End, Offer } from '../mail/turn.ts';
import type { Plan, Turn } from './plan.ts';
import { Rests } from './rests.ts';
import { Scheduler } from './scheduler.ts';
import { runs } from '../../test/harness/runs.ts';

const DOMAINS = ['x.test', 'y.test', 'z.test'];
const SITES = ['a', 'b', 'c'];
const LANES = DOMAINS.flatMap((it) => [`t1 main ${it}`, `t2 main ${it}`, `t2 main ${it} bulk`]);
const ENDS: readonly End[] = ['done', 'unreachable', 'refused', 'unplumbed'];
const IDLE: Duration = seconds(5);
const [ALL, OF_SITE, OF_PROVIDER, PER_MINUTE, BURST] = [2, 2, 1, 60, 25];

/** A connection, as whoever sends sees it. */
interface Connection {
  readonly turn: Turn;
  readonly site: string;
  /** What it has to send now; undefined while it waits for more. */
  offer: Offer | undefined;
}

class World {
  readonly clock = new FakeClock();
  readonly rests = new Rests(this.clock);
  readonly open = new Set<Connection>();
  /** Lanes with something due that have not been offered since. */
  readonly owed = new Set<string>();
  readonly #sites = new Map<string, string>();
  readonly #unknown = new Set<string>();
  /** Messages allowed and used, by site. */
  readonly #used = new Map<string, number>();
  readonly scheduler = new Scheduler({
    clock: this.clock,
    rests: this.rests,
    limits: new LocalLimits(this.clock, new FakeNotebook()),
    sources: {
      choose: ({ site }) => ({
        kind: 'source',
        source: { name: 'one', member: 'one', address: '', ehloName: 'mail.test', weight: 100 },
        slots: [{ name: `one at ${site}`, most: 100 }],
        claims: [],
      }),
      opened: () => undefined,
      ended: () => undefined,
      sent: () => undefined,
    },
    connections: ALL,
    planOf: (lane) => this.#planOf(lane),
    start: (turn) => this.#begin(turn),
  });

  announce(lane: string): void {
    this.owed.add(lane);
    this.scheduler.announce(lane);
  }

  move(domain: string, site: string): void {
    this.#sites.set(domain, site);
  }

  forget(domain: string): void {
    this.#unknown.add(domain);
  }

  /** Those that are not waiting. */
  busy(): Connection[] {
    return [...this.open].filter((it) => it.offer !== undefined);
  }

  /** Sends some of what it was offered, and asks for more. */
  goOn(connection: Connection, sent: number, hasMore: boolean): void {
    const { turn, offer } = connection;
    if (!offer) return;
    const more = sent === offer.most ? turn.more(offer, 90) : 0;
    this.#use(connection.site, more);
    this.#unused(connection, offer, Math.max(offer.most + more - sent - (more >> 1), 0));
    if (sent > 0) turn.taken();
    if (hasMore) this.#putBack(turn, offer.lane);
    connection.offer = undefined;
    void this.#ask(connection);
  }

  end(connection: Connection, end: End): void {
    const { turn, offer } = connection;
    if (!offer) return;
    this.#unused(connection, offer, offer.most);
    this.#leave(connection, end);
    this.#putBack(turn, offer.lane);
  }

  /** The limits that are passed now. */
  passed(): string[] {
    const at = (...sites: readonly string[]): number => [...this.open].filter((it) => sites.includes(it.site)).length;
    const allowed = BURST + (this.clock.monotonic() * PER_MINUTE) / minutes(1);
    return [
      ...(this.open.size > ALL || this.open.size !== this.scheduler.active ? ['all'] : []),
      ...(at('a', 'b') > OF_PROVIDER ? ['provider'] : []),
      ...SITES.filter((it) => at(it) > OF_SITE),
      ...SITES.filter((it) => (this.#used.get(it) ?? 0) > allowed).map((it) => `rate of ${it}`),
    ];
  }

  async #ask(connection: Connection): Promise<void> {
    const next = await connection.turn.next(IDLE);
    if (!next) return this.#leave(connection, 'done');
    connection.offer = next;
    this.#count(next, connection.site);
  }

  #planOf(lane: string): Plan | Promise<void> {
    const domain = lane.split(' ')[2] ?? '';
    if (this.#unknown.has(domain)) return Promise.resolve().then(() => void this.#unknown.delete(domain));
    const site = this.#sites.get(domain) ?? 'a';
    const slots = [{ name: `site ${site}`, most: OF_SITE }];
    if (site !== 'c') slots.push({ name: 'provider p', most: OF_PROVIDER });
    const rate = { count: PER_MINUTE, perSeconds: 60, burst: BURST };
    return {
      ready: `${site} ${domain === 'z.test' ? 'tls' : ''}`,
      site,
      towards: { pool: 'main', site, provider: site, connectionsPerSource: 100 },
      connections: OF_SITE,
      slots,
      openings: [{ kind: 'rate', name: `connections to ${site}`, rate: { count: 30, perSeconds: 60, burst: 3 } }],
      rates: [{ kind: 'rate', name: site, rate }],
    };
  }

  #begin(turn: Turn): void {
    const site = this.#sites.get(turn.offer.lane.split(' ')[2] ?? '') ?? 'a';
    this.open.add({ turn, site, offer: turn.offer });
    this.#count(turn.offer, site);
  }

  #count({ lane, most }: Offer, site: string): void {
    this.owed.delete(lane);
    this.#use(site, most);
  }

  #use(site: string, messages: number): void {
    this.#used.set(site, (this.#used.get(site) ?? 0) + messages);
  }

  #unused({ turn, site }: Connection, offer: Offer, messages: number): void {
    turn.unused(offer, messages);
    this.#use(site, -messages);
  }

  #putBack(turn: Turn, lane: string): void {
    this.owed.add(lane);
    turn.putBack(lane);
  }

  #leave(connection: Connection, end: End): void {
    this.open.delete(connection);
    connection.turn.leave(end);
  }
}

/** One thing that happens; which, to whom and how much. */
type Step = readonly [what: number, who: number, much: number];

const STEPS: readonly ((world: World, who: number, much: number) => void)[] = [
  (world, who) => world.announce(pick(LANES, who)),
  (world, who) => world.announce(pick(LANES, who)),
  (world, who, much) => withBusy(world, who, (it) => world.goOn(it, much % 11, much % 3 === 0)),
  (world, who, much) => withBusy(world, who, (it) => world.goOn(it, much % 11, much % 3 === 0)),
  (world, who, much) => withBusy(world, who, (it) => world.end(it, pick(ENDS, much))),
  (world, who) => withBusy(world, who, (it) => it.turn.pushedBack()),
  (world, who, much) => world.clock.advance(much * pick([1, 100, 1000, 20_000], who)),
  (world, who, much) => world.move(pick(DOMAINS, who), pick(SITES, much)),
  (world, who) => world.forget(pick(DOMAINS, who)),
  (world) => world.scheduler.replan(),
  (world, who, much) => world.scheduler.suspend(pick(SITES, who), seconds(much + 1), 'asked for'),
];

const pick = <T>(from: readonly T[], at: number): T => from[at % from.length] as T;

function withBusy(world: World, who: number, act: (connection: Connection) => void): void {
  const busy = world.busy();
  if (busy.length > 0) act(pick(busy, who));
}

/** What was promised has happened. */
async function settled(): Promise<void> {
  for (let at = 0; at < 10; at += 1) await Promise.resolve();
}

const isAtRest = ({ owed, open, clock }: World): boolean => owed.size + open.size + clock.timers === 0;

test('whatever happens, every lane is offered in the end, no limit is passed, and nothing is left', async () => {
  const step = fc.tuple(fc.nat(STEPS.length - 1), fc.nat(50), fc.nat(50));
  const day = async (steps: readonly Step[]): Promise<void> => {
    const world = new World();
    for (const [what, who, much] of steps) {
      pick(STEPS, what)(world, who, much);
      await settled();
      expect(world.passed()).toEqual([]);
    }
    for (let minute = 0; minute < 60 && !isAtRest(world); minute += 1) {
      for (const it of world.busy()) world.goOn(it, 1, false);
      await settled();
      world.clock.advance(minutes(1));
      await settled();
      expect(world.passed()).toEqual([]);
    }
    expect([...world.owed]).toEqual([]);
    expect([world.open.size, world.clock.timers, world.scheduler.states()]).toEqual([0, 0, []]);
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), day), { numRuns: runs(300) });
});
