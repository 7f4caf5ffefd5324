/**
 * Tells the operator of the queue of this pod: whether what is answered for is on disk, and, of a worker, how many shards it owns.
 *
 * The operator asks no NATS server: it has no way there, and needs none.
 */
import { lookedAt } from '#lib/kube/looked-at.ts';
import { QUEUE_REPORT, queueText } from '#lib/nats/report.ts';
import { type Duration, seconds } from '#lib/run/clock.ts';
import type { ClusterQueue } from './cluster-queue.ts';
import type { Ground } from './ground.ts';

/** A hand-over takes seconds, and is of many shards: it is told of once. */
const LOOK_EVERY: Duration = seconds(10);

export function tellQueue(
  { tellOperator, clock }: Pick<Ground, 'tellOperator' | 'clock'>,
  { standing }: Pick<ClusterQueue, 'standing'>,
  shards?: () => number,
): void {
  const text = (): string => queueText({ ...standing(), ...(shards && { shards: shards() }) });
  const onChange = lookedAt(clock, LOOK_EVERY, text);
  tellOperator({ annotation: QUEUE_REPORT, manager: 'postfleet-queue', text, onChange });
}
