/**
 * Whether a domain counts as verified: once its own key has been seen it stays so. Pure.
 *
 * A latch falls only after 24 hours of definite contrary answers from authoritative servers. Only time between two
 * contrary answers is counted, and of a long silence (a stop of this process, time-outs) nothing, so that neither DNS
 * that fails nor a machine that slept ever stops a domain. Seeing the key again forgets all of it.
 */
import { type Duration, hours, type Instant } from '#lib/run/clock.ts';
import type { Proof } from './dkim.ts';

export interface Latch {
  /** When the key was first seen; absent while it has not been. */
  readonly verifiedAt?: Instant;
  /** The contrary answers since the key was last seen. */
  readonly contrary?: Contrary;
}

interface Contrary {
  /** How long in all. */
  readonly lasted: Duration;
  /** The last answer, when it was a contrary one. */
  readonly last?: Instant;
}

/** What one look found. `absent` only from authoritative servers; everybody else's word is `unknown`. */
export type Sighting = Proof;

export const LATCH_FALLS_AFTER: Duration = hours(24);
/** More time than this between two answers is silence. Looks at a verified domain are an hour apart. */
const LONGEST_GAP: Duration = hours(2);

export const isVerified = ({ verifiedAt }: Latch): boolean => verifiedAt !== undefined;

export function afterSighting(latch: Latch, sighting: Sighting, now: Instant): Latch {
  if (sighting === 'seen') return { verifiedAt: latch.verifiedAt ?? now };
  if (latch.verifiedAt === undefined) return latch;
  if (sighting === 'unknown') return silent(latch);
  const contrary = { lasted: lasted(latch.contrary, now), last: now };
  return contrary.lasted >= LATCH_FALLS_AFTER ? {} : { ...latch, contrary };
}

const silent = ({ contrary, ...latch }: Latch): Latch =>
  contrary ? { ...latch, contrary: { lasted: contrary.lasted } } : latch;

function lasted(contrary: Contrary | undefined, now: Instant): Duration {
  if (contrary?.last === undefined) return contrary?.lasted ?? 0;
  const gap = now - contrary.last;
  // A clock that was set back, or a long silence, says nothing.
  return contrary.lasted + (gap >= 0 && gap <= LONGEST_GAP ? gap : 0);
}
