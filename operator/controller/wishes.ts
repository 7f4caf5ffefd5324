/**
 * What people ask of the operator by annotations of a resource. Pure.
 *
 *   postfleet.io/paused: "true"          leave it and what belongs to it alone
 *   postfleet.io/reconcile-at: <any>     another value: look at everything anew, DNS too
 *   postfleet.io/rotate-at: <moment>     from then on, keys made before that moment are followed by others
 */
import type { Instant } from '#lib/run/clock.ts';

export interface Wishes {
  readonly isPaused: boolean;
  readonly reconcileAt?: string;
  readonly rotateAt?: Instant;
  /** What was asked for and cannot be understood, a sentence each. */
  readonly problems: readonly string[];
}

const PAUSED = 'postfleet.io/paused';
const RECONCILE_AT = 'postfleet.io/reconcile-at';
const ROTATE_AT = 'postfleet.io/rotate-at';

/** RFC 3339, as `date --iso-8601=seconds` and `date -u +%FT%TZ` write it. */
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

export function wishesOf(annotations: Readonly<Record<string, string>> = {}): Wishes {
  const { [PAUSED]: paused, [RECONCILE_AT]: reconcileAt, [ROTATE_AT]: rotateAt } = annotations;
  const moment = rotateAt !== undefined && MOMENT.test(rotateAt) ? Date.parse(rotateAt) : Number.NaN;
  const isMoment = !Number.isNaN(moment);
  const problems = [
    ...(paused === undefined || paused === 'true' || paused === 'false' ? [] : [`${PAUSED} must be "true" or "false"`]),
    ...(rotateAt === undefined || isMoment ? [] : [`${ROTATE_AT} must be a moment, such as 2026-11-22T12:00:00Z`]),
  ];
  return {
    // Who writes something else there wants no change until they have put it right.
    isPaused: paused !== undefined && paused !== 'false',
    ...(reconcileAt !== undefined && { reconcileAt }),
    ...(isMoment && { rotateAt: moment }),
    problems,
  };
}
