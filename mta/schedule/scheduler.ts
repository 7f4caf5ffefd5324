/**
 * Decides who sends next: due lanes in turn, at most so many connections to each site.
 *
 * A site is what shares limits: one receiver, however many domains it serves, by one pool. A lane that is announced
 * waits in its site's ring. A connection takes the lane at the front, sends some of it, and puts it back at the end if
 * there is more. Connections are started one at a time as long as lanes wait, so a trickle keeps to one and a flood
 * reaches the limit within milliseconds. A site that could not be reached rests, then is probed by one connection.
 *
 * Where a lane belongs is asked again whenever it is taken, so that after a change of the rules nothing leaves by the
 * old ones. When all connections are in use, those that become free go round the sites that wait.
 *
 * No I/O: opening and sending is `start`'s business; what is due is the queue's.
 */
import type { Clock, Duration, Instant, Timer } from '#lib/run/clock.ts';
import type { LaneName } from '../queue/queue.ts';
import { Rest } from './rest.ts';

export interface SitePlan {
  /** What shares the limits. */
  readonly site: string;
  /** Most connections at once, at least 1. */
  readonly connections: number;
}

/** What people are told of a site. */
export interface SiteState {
  readonly site: string;
  readonly connections: number;
  readonly lanes: number;
  readonly resting: boolean;
  /** When it is tried again, while it rests. */
  readonly until?: Instant;
  /** Why it was not reached the last time. */
  readonly trouble?: string;
}

/** A connection's side of the scheduler. Every `Turn` ends with exactly one `leave`. */
export interface Turn {
  /** The lane to begin with. */
  readonly lane: LaneName;
  /** The lane has, or may have, more that is due: it goes to the end of the ring. */
  putBack(lane: LaneName): void;
  /** The next lane; waits up to `idle` for one, then answers undefined. */
  next(idle: Duration): Promise<LaneName | undefined>;
  /** The site takes mail: it may be given more connections again. */
  reached(): void;
  /** How long the site rests if it is found unreachable now. */
  readonly pause: Duration;
  /** Why the site could not be reached the last time; undefined when it could. */
  readonly trouble: string | undefined;
  /** False once nothing more should be begun. */
  readonly goesOn: boolean;
  /** The connection is over. `unreachable` lets the site rest, and `why` says so to people. */
  leave(end: 'done' | 'unreachable', why?: string): void;
}

export interface SchedulerOptions {
  readonly clock: Clock;
  /** Which site a lane belongs to now, and its limits. */
  readonly planOf: (lane: LaneName) => SitePlan;
  /** Begins a connection. Must not throw. */
  readonly start: (turn: Turn) => void;
  /** Most connections at once, over all sites. */
  readonly connections: number;
}

interface Waiting {
  resolve(lane: LaneName | undefined): void;
  readonly timer: Timer;
}

interface Site {
  readonly name: string;
  limit: number;
  /** Lanes announced and not taken, in turn. */
  readonly ring: Set<LaneName>;
  readonly idle: Waiting[];
  active: number;
  readonly rest: Rest;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #sites = new Map<string, Site>();
  /** Sites with lanes to send that found no connection free, in turn. */
  readonly #hungry = new Set<Site>();
  readonly #withIdle = new Set<Site>();
  #active = 0;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** A lane has something due. */
  announce(lane: LaneName): void {
    const plan = this.#options.planOf(lane);
    const site = this.#site(plan.site);
    site.limit = plan.connections;
    site.ring.add(lane);
    this.#serve(site);
  }

  /** The rules have changed: every lane that waits goes to the site it belongs to now. */
  replan(): void {
    const waiting: LaneName[] = [];
    for (const site of this.#sites.values()) {
      waiting.push(...site.ring);
      site.ring.clear();
      this.#forgetIfDone(site);
    }
    for (const lane of waiting) this.announce(lane);
  }

  /** Nothing is sent to a site until then, by name: a connection under way ends after the message it is at. */
  suspend(name: string, until: Instant, why: string): void {
    const site = this.#site(name);
    site.rest.suspend(until, why);
    for (const waiting of site.idle.splice(0)) answer(waiting, undefined);
    this.#withIdle.delete(site);
  }

  /** No connection is started any more; idle ones are told to end. */
  stop(): void {
    this.#stopped = true;
    for (const site of this.#sites.values()) {
      site.rest.end();
      for (const waiting of site.idle.splice(0)) answer(waiting, undefined);
    }
  }

  get active(): number {
    return this.#active;
  }

  /** Connections and waiting lanes by site, for metrics and people. */
  sites(): readonly SiteState[] {
    return [...this.#sites.values()].map(stateOf);
  }

  #site(name: string): Site {
    const known = this.#sites.get(name);
    if (known) return known;
    const rest = new Rest(this.#options.clock, () => {
      this.#serve(site);
      this.#forgetIfDone(site);
    });
    const site: Site = { name, limit: 1, ring: new Set(), idle: [], active: 0, rest };
    this.#sites.set(name, site);
    return site;
  }

  /** Hands waiting lanes to idle connections first, then to new ones. */
  #serve(site: Site): void {
    while (!this.#stopped && site.ring.size > 0) {
      if (site.idle.length > 0) this.#serveIdle(site);
      else if (this.#mayStart(site)) this.#start(site);
      else return;
    }
  }

  #serveIdle(site: Site): void {
    const lane = this.#take(site);
    if (lane === undefined) return;
    const waiting = site.idle.pop();
    if (site.idle.length === 0) this.#withIdle.delete(site);
    if (waiting) answer(waiting, lane);
  }

  /** The next lane that still belongs here; others go where they belong now. */
  #take(site: Site): LaneName | undefined {
    for (const lane of site.ring) {
      site.ring.delete(lane);
      if (this.#options.planOf(lane).site === site.name) return lane;
      this.announce(lane);
    }
    return undefined;
  }

  #mayStart(site: Site): boolean {
    if (site.rest.isOn || site.active >= (site.rest.hasFailed ? 1 : site.limit)) return false;
    if (this.#active < this.#options.connections) return true;
    this.#hungry.add(site);
    this.#endOneIdle();
    return false;
  }

  /** An idle connection gives way to a site that has mail. */
  #endOneIdle(): void {
    for (const site of this.#withIdle) {
      const waiting = site.idle.shift();
      if (site.idle.length === 0) this.#withIdle.delete(site);
      if (waiting) return answer(waiting, undefined);
    }
  }

  #start(site: Site): void {
    const lane = this.#take(site);
    if (lane === undefined) return;
    site.active += 1;
    this.#active += 1;
    this.#options.start(this.#turn(site, lane));
  }

  #turn(site: Site, lane: LaneName): Turn {
    const isStopped = (): boolean => this.#stopped;
    return {
      lane,
      get goesOn() {
        return !isStopped() && !site.rest.isSuspended;
      },
      putBack: (it) => this.announce(it),
      next: (idle) => this.#next(site, idle),
      get pause() {
        return site.rest.pause;
      },
      get trouble() {
        return site.rest.trouble;
      },
      reached: () => {
        site.rest.reached();
        this.#serve(site);
      },
      leave: (end, why) => this.#leave(site, end, why),
    };
  }

  #next(site: Site, idle: Duration): Promise<LaneName | undefined> {
    if (this.#stopped || site.rest.isSuspended || site.active > site.limit) return Promise.resolve(undefined);
    const lane = this.#take(site);
    if (lane !== undefined) return Promise.resolve(lane);
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(idle, () => {
        site.idle.splice(site.idle.indexOf(waiting), 1);
        if (site.idle.length === 0) this.#withIdle.delete(site);
        resolve(undefined);
      });
      const waiting: Waiting = { resolve, timer };
      site.idle.push(waiting);
      this.#withIdle.add(site);
    });
  }

  #leave(site: Site, end: 'done' | 'unreachable', why: string | undefined): void {
    site.active -= 1;
    this.#active -= 1;
    if (end === 'unreachable' && !this.#stopped) site.rest.unreachable(why);
    if (this.#hungry.size > 0) {
      if (site.ring.size > 0) this.#hungry.add(site);
      this.#serveHungry();
    } else this.#serve(site);
    this.#forgetIfDone(site);
  }

  /** A site that was unreachable is remembered while it rests and for a while after, and is new again then. */
  #forgetIfDone(site: Site): void {
    if (site.active === 0 && site.ring.size === 0 && !site.rest.isRemembered) this.#sites.delete(site.name);
  }

  /** One connection to each in turn, as far as there are any. */
  #serveHungry(): void {
    for (const site of this.#hungry) {
      if (this.#stopped || this.#active >= this.#options.connections) return;
      this.#hungry.delete(site);
      if (site.ring.size === 0 || !this.#mayStart(site)) continue;
      this.#start(site);
      if (site.ring.size > 0) this.#hungry.add(site);
    }
  }
}

function stateOf({ name, active, ring, rest }: Site): SiteState {
  const { until, trouble } = rest;
  return {
    site: name,
    connections: active,
    lanes: ring.size,
    resting: rest.isOn,
    ...(until !== undefined && { until }),
    ...(trouble !== undefined && { trouble }),
  };
}

function answer(waiting: Waiting, lane: LaneName | undefined): void {
  waiting.timer.cancel();
  waiting.resolve(lane);
}
