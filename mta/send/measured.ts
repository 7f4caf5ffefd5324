/**
 * What the stages of opening a connection take, as metrics, and step by step where somebody wants to know. Once a
 * connection, never a message.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { OpeningStep } from '../mail/attempt.ts';

/** Whose clock, and where each step is noted; absent: nowhere. */
export interface Measuring {
  readonly clock: Clock;
  readonly steps?: OpeningStep[] | undefined;
}

/** Answers as `work` does; how long that took is counted, however it ends. */
export async function measured<T>(
  stage: OpeningStep['stage'],
  { clock, steps }: Measuring,
  work: () => Promise<T>,
): Promise<T> {
  const begun = clock.monotonic();
  try {
    return await work();
  } finally {
    const took = clock.monotonic() - begun;
    count(stage, took);
    steps?.push({ stage, at: clock.now() - took, took });
  }
}

function count(stage: OpeningStep['stage'], took: Duration): void {
  if (stage === 'resolve') metrics.resolveSeconds.observe(took / 1000);
  else metrics.connectSeconds.observe({ stage }, took / 1000);
}
