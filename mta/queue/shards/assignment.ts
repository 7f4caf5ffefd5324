/**
 * What a worker does next about shards, as far as it knows who lives and who holds what. No I/O.
 *
 * A shard goes over in steps: who should have it reads it ahead while another holds it, and says so; who holds it and should not
 * gives it up then, or at once when it leaves, and says so; who should have it takes it. So nobody waits for a shard to be read.
 * Where two say that they hold one, the later epoch has it: the streams refuse what the other writes.
 */
import type { Heartbeat } from './heartbeat.ts';
import { ownerOf } from './rendezvous.ts';

export interface Known {
  readonly own: Heartbeat;
  /** Those that were heard lately, without our own. */
  readonly others: readonly Heartbeat[];
  /** Names of those among them that may be dead soon. */
  readonly doubted: ReadonlySet<string>;
  /** Whoever is not among them is dead. */
  readonly knowsAll: boolean;
  readonly shards: number;
}

export type Step = 'lost' | 'give up' | 'take' | 'prepare' | 'forget';

/** By shard; those that stay as they are have none. `lost`: somebody has taken it, nothing of ours counts there any more. */
export function stepsOf(known: Known): Map<number, Step> {
  const { own, others, doubted, shards } = known;
  const staying = [own, ...others].filter((it) => !it.isLeaving).map((it) => it.name);
  const lasting = staying.filter((it) => !doubted.has(it));
  const steps = new Map<number, Step>();
  for (let shard = 0; shard < shards; shard += 1) {
    const [owner, heir] = [ownerOf(shard, staying), ownerOf(shard, lasting)];
    const step = own.held.has(shard) ? stepOfHolder(known, shard, owner) : stepOfOther(known, shard, owner, heir);
    if (step) steps.set(shard, step);
  }
  return steps;
}

function stepOfHolder({ own, others }: Known, shard: number, owner: string | undefined): Step | undefined {
  const since = own.held.get(shard) ?? 0;
  if (others.some((it) => (it.held.get(shard) ?? 0) > since)) return 'lost';
  if (owner === own.name) return undefined;
  const isAwaited = others.find((it) => it.name === owner)?.ready?.has(shard) === false;
  return isAwaited && !own.isLeaving ? undefined : 'give up';
}

/** `heir`: who has it if those that are doubted are dead. */
function stepOfOther(
  { own, others, knowsAll }: Known,
  shard: number,
  owner: string | undefined,
  heir: string | undefined,
): Step | undefined {
  const isHeld = others.some((it) => it.held.has(shard));
  if (owner === own.name && !isHeld && knowsAll) return 'take';
  const isReady = own.ready?.has(shard) === true;
  if (owner !== own.name && heir !== own.name) return isReady ? 'forget' : undefined;
  return isReady || !isHeld ? undefined : 'prepare';
}
