/**
 * What the stages of opening a connection take, as metrics. Once a connection, never a message.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';
import { metrics } from '#lib/run/metrics.ts';

type Measured = 'resolve' | 'connect' | 'greet' | 'tls';

/** Answers as `work` does; how long that took is counted, however it ends. */
export async function measured<T>(stage: Measured, clock: Clock, work: () => Promise<T>): Promise<T> {
  const begun = clock.monotonic();
  try {
    return await work();
  } finally {
    count(stage, clock.monotonic() - begun);
  }
}

function count(stage: Measured, took: Duration): void {
  if (stage === 'resolve') metrics.resolveSeconds.observe(took / 1000);
  else metrics.connectSeconds.observe({ stage }, took / 1000);
}
