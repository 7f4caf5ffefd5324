/**
 * Conditions of a resource as KEP-1623 has them: each kind of thing that is so or is not, since when, and why. Pure.
 *
 * `Ready` is always there. `Reconciling` and `Stalled` are there only while they are true, as `kubectl wait`, Flux, Argo CD and Helm
 * read them: what only needs time is `Reconciling`; what needs another spec, or another resource, is `Stalled`.
 */
import type { Instant } from '#lib/run/clock.ts';

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  /** One word in CamelCase. */
  readonly reason: string;
  /** For people: what to do, where something is to be done. */
  readonly message: string;
  /** Generation of the spec that was judged. */
  readonly observedGeneration: number;
  /** When `status` came to be so. */
  readonly lastTransitionTime: string;
}

export type Finding = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

const LONGEST_MESSAGE = 1024;

/** What is found, as conditions: the time of a finding that has not changed stays. What is found no more goes. */
export function conditionsAfter(
  before: readonly Condition[],
  found: readonly Finding[],
  { generation, now }: { readonly generation: number; readonly now: Instant },
): Condition[] {
  return found.map(({ type, status, reason, message }) => {
    const earlier = before.find((it) => it.type === type && it.status === status);
    return {
      type,
      status,
      reason,
      message: message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE - 1)}…` : message,
      observedGeneration: generation,
      lastTransitionTime: earlier?.lastTransitionTime ?? momentOf(now),
    };
  });
}

/** As `metav1.Time` is written: whole seconds. */
const momentOf = (now: Instant): string => new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');

/** How a resource is on the whole. */
export type Progress =
  | { readonly kind: 'ready' }
  /** It comes by itself, or when somebody outside has done something. */
  | { readonly kind: 'waiting'; readonly reason: string; readonly message: string }
  /** Somebody wants it to be so: neither is anything on its way, nor is anything wrong. */
  | { readonly kind: 'resting'; readonly reason: string; readonly message: string }
  /** It does not come unless a resource is changed. */
  | { readonly kind: 'stalled'; readonly reason: string; readonly message: string };

/** `Ready`, and what goes with it. */
export function summary(progress: Progress): Finding[] {
  if (progress.kind === 'ready') return [{ type: 'Ready', status: 'True', reason: 'Ready', message: '' }];
  const { kind, reason, message } = progress;
  const ready: Finding = { type: 'Ready', status: 'False', reason, message };
  if (kind === 'resting') return [ready];
  return [ready, { type: kind === 'waiting' ? 'Reconciling' : 'Stalled', status: 'True', reason, message }];
}
