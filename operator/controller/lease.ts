/**
 * Who leads, by a `Lease` that one of several holds. Pure: what to write, judging by what was read and when it changed.
 *
 * Whether a holder is gone is told by our own clock, from the time at which its lease was last seen to change; times in it are for
 * people. So clocks that differ are harmless. A lease is written over the one that was read, and two who try conflict.
 */
import type { Duration, Instant } from '#lib/run/clock.ts';
import { seconds } from '#lib/run/clock.ts';
import type { KubeObject } from '#lib/kube/kube.ts';

/** As in client-go. A holder gives up before another may take over. */
const LASTS: Duration = seconds(15);
export const RENEWED_WITHIN: Duration = seconds(10);
export const TRIES_EVERY: Duration = seconds(2);
/** So that a holder has a second try that may last as long before it gives up, whatever became of the first. */
export const GIVEN_UP_AFTER: Duration = seconds(3.5);

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export interface LeaseView {
  /** The lease as it was read; undefined when there is none. */
  readonly lease: KubeObject | undefined;
  /** For how long it has been so, as far as we have seen. */
  readonly unchangedFor: Duration;
  readonly identity: string;
  readonly now: Instant;
}

export type LeaseStep =
  | { readonly kind: 'create'; readonly spec: LeaseSpec }
  | { readonly kind: 'replace'; readonly spec: LeaseSpec }
  /** Somebody else leads. */
  | { readonly kind: 'wait' };

export function nextLease({ lease, unchangedFor, identity, now }: LeaseView): LeaseStep {
  const time = microTime(now);
  const fresh = { holderIdentity: identity, leaseDurationSeconds: LASTS / 1000, acquireTime: time, renewTime: time };
  if (!lease) return { kind: 'create', spec: { ...fresh, leaseTransitions: 0 } };
  const held = specOf(lease);
  if (held.holderIdentity === identity) return { kind: 'replace', spec: { ...held, ...fresh, ...acquired(held) } };
  const isFree = !held.holderIdentity || unchangedFor >= seconds(held.leaseDurationSeconds ?? 0);
  if (!isFree) return { kind: 'wait' };
  return { kind: 'replace', spec: { ...fresh, leaseTransitions: (held.leaseTransitions ?? 0) + 1 } };
}

/** The lease of a holder who has ended: the next may begin at once. */
export const releasedLease = (lease: KubeObject, now: Instant): LeaseSpec => ({
  ...specOf(lease),
  holderIdentity: '',
  leaseDurationSeconds: 1,
  renewTime: microTime(now),
});

export const holderOf = (lease: KubeObject): string => specOf(lease).holderIdentity ?? '';

const specOf = (lease: KubeObject): LeaseSpec => lease['spec'] ?? {};

const acquired = ({ acquireTime }: LeaseSpec): LeaseSpec => (acquireTime === undefined ? {} : { acquireTime });

/** `metav1.MicroTime`; the server refuses any other number of digits. */
const microTime = (now: Instant): string => `${new Date(now).toISOString().slice(0, -1)}000Z`;
