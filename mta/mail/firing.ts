/**
 * What a rule does when it fires: whose mail goes slower, not at all, or from elsewhere, until when, and by whose words.
 *
 * Made by `settle/` when an outcome is durable; carried out where mail is scheduled.
 */
import type { Duration, Instant } from '#lib/run/clock.ts';

/** Limits while something is slowed; what is absent stays as it is. */
export interface SlowLimits {
  readonly connections?: number;
  readonly messagesPerConnection?: number;
  readonly rate?: { readonly count: number; readonly perSeconds: number };
}

/** Where a message goes, from where, on whose behalf. */
export interface Course {
  /** What shares limits (`schedule/scheduler.ts`). */
  readonly site: string;
  /** The provider, where it is known; the site elsewhere. */
  readonly provider: string;
  readonly tenant: string;
  /** The sending domain. */
  readonly domain: string;
  /** The pool it leaves by, and the source there (`schedule/source.ts`). */
  readonly pool: string;
  readonly source?: string | undefined;
}

export interface Firing {
  /** Name of the rule. */
  readonly rule: string;
  readonly action: 'slow' | 'suspend' | 'other-source';
  /** A source address at a site, a site, or a sending domain at a provider. */
  readonly scope: 'source' | 'site' | 'domain';
  readonly until: Instant;
  /** The reply that made it fire. */
  readonly sample: string;
  readonly course: Course;
  /** For `slow`. */
  readonly limits?: SlowLimits;
}

/** A message that is not sent now: for how long, and by which rule. */
export interface Hold {
  readonly pause: Duration;
  readonly why: string;
}
