/**
 * Decides when a rule fires: at once, or when enough replies came in its time; and not again while it holds.
 *
 * What was counted and what holds is noted, so a restart changes nothing; both are bounded, the oldest go first. Carrying a
 * firing out is others' business.
 */
import type { Clock, Duration, Instant } from '#lib/run/clock.ts';
import { hours, minutes } from '#lib/run/clock.ts';
import type { Course, Firing } from '../../mail/firing.ts';
import type { Notebook } from '../../mail/notebook.ts';
import type { Meaning } from './meaning.ts';
import type { Rule } from './rule.ts';

const MOST_COUNTED = 10_000;
/** For actions that last and do not say how long. */
const DURATION: Duration = minutes(30);
/** DNS may be wrong for a while: an address is given up when its domain was not there so often in so long. */
const NOWHERE = { count: 3, per: hours(72) };

/** What notes are of. */
const [SEEN, HOLDS] = ['seen ', 'holds '];

interface Trigger {
  readonly count: number;
  readonly per: Duration;
}

export class Firings {
  readonly #clock: Clock;
  readonly #notebook: Notebook;
  /** Times of replies that have not fired yet, by rule and what it is about. */
  readonly #seen = new Map<string, Instant[]>();
  readonly #until = new Map<string, Instant>();

  constructor(clock: Clock, notebook: Notebook) {
    this.#clock = clock;
    this.#notebook = notebook;
    for (const { key, value, until } of notebook.notes) {
      if (key.startsWith(SEEN)) this.#seen.set(key.slice(SEEN.length), value as Instant[]);
      else this.#until.set(key.slice(HOLDS.length), until);
    }
  }

  /** What a reply sets off, now. */
  of(meaning: Meaning, courseOf: () => Course, sample: string): Firing | undefined {
    const { action, by } = meaning;
    if (!by || (action !== 'slow' && action !== 'suspend' && action !== 'other-source')) return undefined;
    const scope = action === 'other-source' ? 'source' : by.scope;
    const course = courseOf();
    const key = `${by.name} ${keyOf(scope, course)}`;
    const now = this.#clock.now();
    if ((this.#until.get(key) ?? 0) > now || !this.#isEnough(key, by.trigger, now)) return undefined;
    const until = now + (by.duration ?? DURATION);
    this.#holds(key, until);
    return {
      rule: by.name,
      action,
      scope,
      until,
      sample,
      course,
      ...(by.limits && { limits: by.limits }),
    };
  }

  /** Whether an address is to be suppressed for what a reply, or DNS, says of it. */
  suppresses({ action, class: kind, rule }: Meaning, tenant: string, recipient: string): boolean {
    if (action === 'suppress') return true;
    if (kind !== 'Invalid Address' || !NOWHERE_RULES.has(rule)) return false;
    return this.#isEnough(`nowhere ${tenant} ${recipient}`, NOWHERE, this.#clock.now());
  }

  /** Counts one more; when it is enough the count begins anew. */
  #isEnough(key: string, trigger: Trigger | undefined, now: Instant): boolean {
    if (!trigger) return true;
    const seen = [...(this.#seen.get(key) ?? []).filter((it) => it > now - trigger.per), now];
    if (seen.length >= trigger.count) {
      this.#seen.delete(key);
      this.#notebook.strike(SEEN + key);
      return true;
    }
    this.#notebook.write(SEEN + key, seen, now + trigger.per);
    remember(this.#seen, key, seen, (forgotten) => this.#notebook.strike(SEEN + forgotten));
    return false;
  }

  #holds(key: string, until: Instant): void {
    this.#notebook.write(HOLDS + key, true, until);
    remember(this.#until, key, until, (forgotten) => this.#notebook.strike(HOLDS + forgotten));
  }
}

const NOWHERE_RULES: ReadonlySet<string> = new Set(['own/no-such-domain', 'own/null-mx']);

function keyOf(scope: Rule['scope'], { site, provider, tenant, domain, source }: Course): string {
  if (scope === 'domain') return `${tenant} ${domain} ${provider}`;
  return scope === 'site' ? site : `${source ?? ''} ${site}`;
}

/** Maps keep the order of insertion: the first is the oldest. */
function remember<V>(map: Map<string, V>, key: string, value: V, forget: (key: string) => void): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= MOST_COUNTED) return;
    map.delete(oldest);
    forget(oldest);
  }
}
