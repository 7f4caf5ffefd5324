/**
 * How the queue of a cluster is, by what its pods tell of it. Pure.
 */
import { type Durability, QUEUE_REPORT, queueWordIn } from '#lib/nats/report.ts';
import type { Finding } from '../controller/condition.ts';
import { type Pods, wordsOf } from '../pods.ts';

export interface QueueTold {
  readonly pods: number;
  readonly durability: Durability;
  /** Why it is not `Fsync`; empty if it is. */
  readonly doubt: string;
  readonly ownedShards: number;
}

/** `shards`: how many there are. Who has just taken one, and who had it, may both say that it is theirs. */
export function queueTold(pods: Pods, cluster: string, shards: number): QueueTold {
  const all = (['ingress', 'worker'] as const).flatMap((it) => wordsOf(pods, cluster, it, QUEUE_REPORT));
  const words = all.flatMap((it) => queueWordIn(it) ?? []);
  const owned = words.reduce((sum, it) => sum + (it.shards ?? 0), 0);
  const worst = words.find((it) => it.durability === 'Weaker') ?? words.find((it) => it.durability === 'Unknown');
  const isWhole = words.length > 0 && words.length === all.length;
  const { durability, doubt } = worst ?? (isWhole ? DURABLE : unsaid(words.length, all.length));
  return { pods: all.length, durability, doubt, ownedShards: Math.min(owned, shards) };
}

const DURABLE = { durability: 'Fsync', doubt: '' } as const;

const unsaid = (said: number, all: number): Pick<QueueTold, 'durability' | 'doubt'> => ({
  durability: 'Unknown',
  doubt: `${said} of ${all} pods have told how their NATS servers write to disk`,
});

export function queueFinding({ pods, durability, doubt }: QueueTold): Finding {
  const type = 'QueueDurable';
  if (pods === 0) return { type, status: 'Unknown', reason: 'NoPods', message: 'no pod runs that could tell' };
  if (durability === 'Fsync') return { type, status: 'True', reason: 'Fsync', message: '' };
  return { type, status: durability === 'Weaker' ? 'False' : 'Unknown', reason: durability, message: doubt };
}
