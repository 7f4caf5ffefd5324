/**
 * What rules over replies have set going: carries out their firings, and remembers until when each holds.
 *
 * What is suspended at a site rests there (`rests.ts`). What is slowed gets tighter limits in its plan: the site, whatever
 * the scope says of its sources. Mail of a domain that is suspended at a provider waits message by message, because
 * lanes carry mail of many. What holds is noted, and goes on after a restart (`resume`); a pace begins anew. Costs nothing
 * while nothing is restrained.
 */
import { type Clock, type Duration, type Instant, seconds } from '#lib/run/clock.ts';
import type { Course, Firing, Hold, SlowLimits } from '../mail/firing.ts';
import type { Notebook } from '../mail/notebook.ts';
import { NEVER_USED, take, type UsedUntil } from '../mail/gcra.ts';
import type { Claim } from './limits/limits.ts';
import type { Plan } from './plan.ts';
import { sourceAtSite } from './source.ts';

export interface RestraintsOptions {
  readonly clock: Clock;
  /** Of what holds, by what it is about. */
  readonly notebook: Notebook;
  /** Suspends a site. */
  readonly suspendSite: (site: string, wait: number, why: string) => void;
  /** Suspends what has this name. */
  readonly suspend: (name: string, wait: number, why: string) => void;
  /** Whether a pool has another source for a site than this one. */
  readonly hasOther: (course: Course) => boolean;
  /** Plans have changed. */
  readonly replan: () => void;
}

interface Mark {
  readonly firing: Firing;
  usedUntil: UsedUntil;
}

/** Timers and wall time differ a little. */
const SURELY_OVER: Duration = seconds(1);

export class Restraints {
  readonly #options: RestraintsOptions;
  readonly #marks = new Map<string, Mark>();

  constructor(options: RestraintsOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#marks.size === 0;
  }

  carryOut(firing: Firing): void {
    const { action, course } = firing;
    // Nobody else could send it: then it may as well leave from here.
    if (action === 'other-source' && !this.#options.hasOther(course)) return;
    this.#options.notebook.write(keyOf(firing), firing, firing.until);
    this.#setGoing(firing);
  }

  /** What held before the start holds on. Once, when everything that is told of it is there. */
  resume(): void {
    for (const { value } of this.#options.notebook.notes) this.#setGoing(value as Firing);
  }

  #setGoing(firing: Firing): void {
    const { action, scope, course, until } = firing;
    this.#marks.set(keyOf(firing), { firing, usedUntil: NEVER_USED });
    const wait = until - this.#options.clock.now();
    if (action === 'slow') this.#replanUntil(wait);
    else if (scope === 'site') this.#options.suspendSite(course.site, wait, whyOf(firing));
    else if (scope === 'source')
      this.#options.suspend(sourceAtSite(course.source ?? '', course.site), wait, whyOf(firing));
  }

  /** What waits learns of tighter limits now, and that they are over then: it may be waiting for their next turn. */
  #replanUntil(wait: Duration): void {
    this.#options.replan();
    this.#options.clock.after(wait + SURELY_OVER, () => this.#options.replan());
  }

  /** A plan with the limits of what is slowed. */
  planFor(plan: Plan): Plan {
    const slow = this.#slowAt(plan.site);
    if (slow.length === 0) return plan;
    const name = `slowed ${plan.site}`;
    const most = leastOf(slow, (it) => it.connections);
    const rates = slow.flatMap((it): Claim[] => (it.rate ? [{ kind: 'rate', name, rate: it.rate }] : []));
    return {
      ...plan,
      connections: Math.min(plan.connections, most),
      slots: most < Infinity ? [...plan.slots, { name, most }] : plan.slots,
      rates: [...plan.rates, ...rates.slice(0, 1)],
    };
  }

  /** Most messages on a connection to a site; Infinity when it is not slowed. */
  messagesOn(site: string): number {
    return leastOf(this.#slowAt(site), (it) => it.messagesPerConnection);
  }

  /** Asked before each message: undefined when it may go. Counts it against what is slowed. */
  hold({ tenant, domain, provider }: Course): Hold | undefined {
    if (this.isIdle) return undefined;
    const now = this.#options.clock.now();
    const of = `domain ${tenant} ${domain} ${provider}`;
    const stopped = this.#mark(`stop ${of}`);
    if (stopped) return { pause: stopped.firing.until - now, why: whyOf(stopped.firing) };
    const slowed = this.#mark(`slow ${of}`);
    const later = slowed && this.#pace(slowed);
    return slowed && later !== undefined ? { pause: later - now, why: whyOf(slowed.firing) } : undefined;
  }

  /** Everything that holds now. */
  current(): readonly Firing[] {
    const now = this.#options.clock.now();
    for (const [key, { firing }] of this.#marks) if (firing.until <= now) this.#marks.delete(key);
    return Array.from(this.#marks.values(), (it) => it.firing);
  }

  #slowAt(site: string): readonly SlowLimits[] {
    if (this.isIdle) return [];
    return this.current().flatMap(({ action, scope, course, limits }) =>
      action === 'slow' && scope !== 'domain' && course.site === site && limits ? [limits] : [],
    );
  }

  /** When the next may go; undefined when this one may. */
  #pace(mark: Mark): Instant | undefined {
    const { rate } = mark.firing.limits ?? {};
    if (!rate) return undefined;
    const taken = take(mark.usedUntil, rate, 1, this.#options.clock.now());
    mark.usedUntil = taken.usedUntil;
    return taken.granted > 0 ? undefined : Math.ceil(taken.again);
  }

  #mark(key: string): Mark | undefined {
    const mark = this.#marks.get(key);
    if (!mark || mark.firing.until > this.#options.clock.now()) return mark;
    this.#marks.delete(key);
    return undefined;
  }
}

function keyOf({ action, scope, course }: Firing): string {
  const { site, source = '', provider, tenant, domain } = course;
  const what = action === 'slow' ? 'slow' : 'stop';
  if (scope === 'domain') return `${what} domain ${tenant} ${domain} ${provider}`;
  return scope === 'site' ? `${what} site ${site}` : `${what} ${sourceAtSite(source, site)}`;
}

const leastOf = (slow: readonly SlowLimits[], of: (limits: SlowLimits) => number | undefined): number =>
  Math.min(...slow.map((it) => of(it) ?? Infinity));

/** For people: the rule and the words that made it fire. */
const whyOf = ({ rule, sample }: Firing): string => `${rule}: ${sample}`;
