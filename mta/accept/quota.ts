/**
 * Counts recipients against quotas per hour and per day, for credentials and for domains.
 *
 * Windows slide: an hour is kept as twelve parts of five minutes, a day as 24 of one hour, so what was sent stops
 * counting at most one part late and never early. Counted in memory; `quota-keeper.ts` keeps the counts over restarts.
 */
import type { Duration, Instant } from '#lib/run/clock.ts';
import { hours, minutes } from '#lib/run/clock.ts';
import type { Used } from '../settle/ledger/usage.ts';

export interface Quota {
  readonly perHour?: number | undefined;
  readonly perDay?: number | undefined;
}

export interface Window {
  readonly name: 'hour' | 'day';
  readonly part: Duration;
  readonly parts: number;
}

const HOUR: Window = { name: 'hour', part: minutes(5), parts: 12 };
const DAY: Window = { name: 'day', part: hours(1), parts: 24 };

/** Which quota a message would break, and after how long it may fit; never when it alone is too much. */
export interface Exceeded {
  readonly subject: string;
  readonly limit: number;
  readonly window: 'hour' | 'day';
  readonly retryAfter: Duration | 'never';
}

/** A claim on one quota: `subject` is `credential tenant.app` or `domain example.com`. */
export interface QuotaClaim {
  readonly subject: string;
  readonly quota: Quota;
}

/** Who counts: this process, or several together. */
export interface QuotaCount {
  /** Counts `amount` for every claim, or for none of them and says which was exceeded. */
  take(
    claims: readonly QuotaClaim[],
    amount: number,
    now: Instant,
  ): Exceeded | undefined | Promise<Exceeded | undefined>;
  /** Uncounts what was taken at `then` and came to nothing. */
  giveBack(claims: readonly QuotaClaim[], amount: number, then: Instant): void;
}

export class Quotas implements QuotaCount {
  /** Counts by subject and window; the key of a part is its number since 1970. */
  readonly #counts = new Map<string, Map<number, number>>();

  /** What has changed since it was last asked for. */
  readonly #changed = new Map<string, Changed>();

  /** `used`: what was counted before, as `changed` told it. */
  constructor(used: readonly Used[] = []) {
    for (const { key, part, count } of used) {
      const counts = this.#counts.get(key) ?? new Map<number, number>();
      this.#counts.set(key, counts.set(part, count));
    }
  }

  /** Counts that have changed since the last call, as they stand. */
  changed(): readonly Used[] {
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    return changed.map(({ key, part, window }) => ({
      key,
      part,
      count: this.#counts.get(key)?.get(part) ?? 0,
      until: (part + window.parts + 1) * window.part,
    }));
  }

  /** They could not be written: the next call of `changed` tells of them again. */
  unwritten(used: readonly Used[]): void {
    for (const { key, part } of used) this.#change({ key, part, window: windowOf(key) });
  }

  take(claims: readonly QuotaClaim[], amount: number, now: Instant): Exceeded | undefined {
    const limited = limitsOf(claims);
    const small = tooMuch(limited, amount);
    if (small) return small;
    for (const limit of limited) {
      const { subject, window } = limit;
      if (this.used(subject, window, now) + amount > limit.limit)
        return exceededBy(limit, oldest(this.#current(subject, window, now), window, now), now);
    }
    this.#add(limited, amount, now);
    return undefined;
  }

  /** Counts what somebody else has allowed. */
  count(claims: readonly QuotaClaim[], amount: number, now: Instant): void {
    this.#add(limitsOf(claims), amount, now);
  }

  /** How much of a window is used. */
  used(subject: string, window: Window, now: Instant): number {
    return [...this.#current(subject, window, now).values()].reduce((sum, count) => sum + count, 0);
  }

  /** What was counted in each part of a window. */
  parts(subject: string, window: Window): readonly (readonly [part: number, count: number])[] {
    return [...(this.#counts.get(keyOf(subject, window)) ?? [])];
  }

  /** Everything that was counted, by subject and window. */
  subjects(): readonly Pick<Limit, 'subject' | 'window'>[] {
    return [...this.#counts.keys()].map((key) => {
      const window = windowOf(key);
      return { subject: key.slice(window.name.length + 1), window };
    });
  }

  giveBack(claims: readonly QuotaClaim[], amount: number, then: Instant): void {
    this.#add(limitsOf(claims), -amount, then);
  }

  #add(limits: readonly Limit[], amount: number, at: Instant): void {
    for (const { subject, window } of limits) {
      const counts = this.#current(subject, window, at);
      const part = Math.floor(at / window.part);
      const count = (counts.get(part) ?? 0) + amount;
      if (count === 0) counts.delete(part);
      else counts.set(part, count);
      this.#change({ key: keyOf(subject, window), part, window });
    }
  }

  #change(changed: Changed): void {
    this.#changed.set(`${changed.part} ${changed.key}`, changed);
  }

  #current(subject: string, window: Window, now: Instant): Map<number, number> {
    const key = keyOf(subject, window);
    const counts = this.#counts.get(key) ?? new Map<number, number>();
    this.#counts.set(key, counts);
    const first = Math.floor(now / window.part) - window.parts;
    for (const part of counts.keys()) if (part < first) counts.delete(part);
    return counts;
  }
}

interface Changed {
  readonly key: string;
  readonly part: number;
  readonly window: Window;
}

const keyOf = (subject: string, window: Window): string => `${window.name} ${subject}`;

const windowOf = (key: string): Window => (key.startsWith('hour ') ? HOUR : DAY);

export interface Limit {
  readonly subject: string;
  readonly window: Window;
  readonly limit: number;
}

export const limitsOf = (claims: readonly QuotaClaim[]): Limit[] =>
  claims.flatMap(({ subject, quota }) => [
    ...(quota.perHour === undefined ? [] : [{ subject, window: HOUR, limit: quota.perHour }]),
    ...(quota.perDay === undefined ? [] : [{ subject, window: DAY, limit: quota.perDay }]),
  ]);

/** The first that `amount` alone is too much for. */
export function tooMuch(limits: readonly Limit[], amount: number): Exceeded | undefined {
  const small = limits.find(({ limit }) => amount > limit);
  return small && { ...small, window: small.window.name, retryAfter: 'never' };
}

/** It may fit when the oldest part stops counting. */
export const exceededBy = ({ subject, window, limit }: Limit, first: number, now: Instant): Exceeded => ({
  subject,
  limit,
  window: window.name,
  retryAfter: (first + window.parts + 1) * window.part - now,
});

function oldest(counts: ReadonlyMap<number, number>, window: Window, now: Instant): number {
  const [first = Math.floor(now / window.part)] = [...counts.keys()].toSorted((a, b) => a - b);
  return first;
}
