/**
 * What a worker does next about shards, as far as it knows who lives and who holds what. No I/O.
 *
 * A shard goes over in two steps: who holds it and should not gives it up, and says so; who should have it takes it then.
 * Where two say that they hold one, the later epoch has it: the streams refuse what the other writes.
 */
import type { Heartbeat } from './heartbeat.ts';
import { ownerOf } from './rendezvous.ts';

export interface Known {
  readonly own: Heartbeat;
  /** Those that were heard lately, without our own. */
  readonly others: readonly Heartbeat[];
  readonly shards: number;
}

export type Step = 'lost' | 'give up' | 'take';

/** By shard; those that stay as they are have none. `lost`: somebody has taken it, nothing of ours counts there any more. */
export function stepsOf({ own, others, shards }: Known): Map<number, Step> {
  const names = [own, ...others].filter((it) => !it.isLeaving).map((it) => it.name);
  const steps = new Map<number, Step>();
  for (let shard = 0; shard < shards; shard += 1) {
    const isOurs = ownerOf(shard, names) === own.name;
    const theirs = others.flatMap((it) => it.held.get(shard) ?? []);
    const step = stepOf(own.held.get(shard), theirs, isOurs);
    if (step) steps.set(shard, step);
  }
  return steps;
}

/** `since` when we hold it, and others say that they do. */
function stepOf(since: number | undefined, theirs: readonly number[], isOurs: boolean): Step | undefined {
  if (since === undefined) return isOurs && theirs.length === 0 ? 'take' : undefined;
  if (theirs.some((it) => it > since)) return 'lost';
  return isOurs ? undefined : 'give up';
}
