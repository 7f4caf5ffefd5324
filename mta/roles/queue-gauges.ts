/**
 * What metrics say of the queue, as far as this process holds it.
 */
import type { Clock, Instant } from '#lib/run/clock.ts';
import { watchGauge } from '#lib/run/metrics.ts';
import type { Queue } from '../queue/queue.ts';

/** What adapters know beside what the port promises. */
export interface WatchedQueue extends Pick<Queue, 'depth'> {
  readonly oldestDue: Instant;
  readonly leasedBytes: number;
}

export function watchQueue(queue: WatchedQueue, clock: Clock): void {
  watchGauge('queueDepth', () => queue.depth().reduce((sum, it) => sum + it.depth, 0));
  watchGauge('queueOldestDue', () => Math.max(0, clock.now() - queue.oldestDue) / 1000);
  watchGauge('leasedBytes', () => queue.leasedBytes);
}
