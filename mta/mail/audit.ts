/**
 * What people did to mail that is queued, or to come: who, what, to which mail, how much of it, when. Types only.
 *
 * Like events of mail: JSON with a format version, a field is never given a second meaning. Never a secret.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { Chosen } from './operation.ts';

export interface AuditEvent {
  readonly v: 1;
  readonly at: Instant;
  /** As they say themselves: whoever has the token may act. */
  readonly by: string;
  readonly operation: 'suspend' | 'resume' | 'retry' | 'bounce' | 'reroute' | 'suppress' | 'unsuppress';
  /** What takes several writes is told of before the first and after the last; all else when it is done. */
  readonly stage: 'begun' | 'done';
  readonly about: Chosen;
  /** Recipients that wait, when it begins; those it was done to, when it is done. */
  readonly recipients: number;
  readonly why?: string;
  readonly until?: Instant;
  /** For suppressions: the address or domain. */
  readonly subject?: string;
  /** For `reroute`: the pool. */
  readonly to?: string;
  /** The suspensions that were made or ended. */
  readonly suspensions?: readonly string[];
}
