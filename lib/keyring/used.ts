/**
 * What a pod tells the operator of credentials: which were used on a day. Pure, but for what it remembers.
 *
 * Told of this many bytes of names at most; which of more credentials were used is told of the first alone.
 */
import type { Clock, Instant } from '#lib/run/clock.ts';
import { type Duration, hours, seconds } from '#lib/run/clock.ts';
import { lookedAt } from '#lib/kube/looked-at.ts';
import type { PodWord } from '#lib/kube/pod-report.ts';

/** The annotation, `{"day": "2026-06-01", "names": ["mail.app", …]}`. */
export const USED_REPORT = 'postfleet.io/used';

export interface UsedWord {
  /** In UTC. */
  readonly day: string;
  readonly names: ReadonlySet<string>;
}

/** Half of what all annotations of an object may have. */
const MOST_BYTES = 128 * 1024;
const AROUND_A_NAME = 3;
/** In the first minutes of a day each look finds more. */
const LOOK_EVERY: Duration = seconds(20);

/** Which credentials were used today. */
export class UsedToday {
  readonly #clock: Clock;
  #day = '';
  #bytes = 0;
  readonly #names = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A credential was used now. */
  note(username: string): void {
    const day = dayOf(this.#clock.now());
    if (day !== this.#day) {
      [this.#day, this.#bytes] = [day, 0];
      this.#names.clear();
    }
    const bytes = username.length + AROUND_A_NAME;
    if (this.#names.has(username) || this.#bytes + bytes > MOST_BYTES) return;
    this.#names.add(username);
    this.#bytes += bytes;
  }

  /** Told as soon as it is seen that another was used on the day. */
  get word(): PodWord {
    const text = (): string => JSON.stringify({ day: this.#day, names: [...this.#names] });
    return {
      annotation: USED_REPORT,
      manager: 'postfleet-used',
      text,
      onChange: lookedAt(this.#clock, LOOK_EVERY, text),
    };
  }
}

/** Undefined for anything else, and for a day that is yet to come: of a pod whose clock is wrong. */
export function usedWordIn(told: unknown, now: Instant): UsedWord | undefined {
  const { day, names } = (told ?? {}) as { readonly day?: unknown; readonly names?: unknown };
  if (typeof day !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(day) || !Array.isArray(names)) return undefined;
  return day > dayOf(now + hours(1)) ? undefined : { day, names: new Set(names.map(String)) };
}

const dayOf = (now: Instant): string => new Date(now).toISOString().slice(0, 'YYYY-MM-DD'.length);
