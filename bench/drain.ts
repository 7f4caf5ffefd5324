/**
 * How fast what waits leaves once it is let go, as a sink counts it.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Role } from '../test/harness/cluster.ts';
import type { Counts, CountingSink } from '../test/harness/counting-sink.ts';
import { LAUNCHER } from '../test/harness/postfleet.ts';

export interface Drain {
  readonly perSecond: number;
  readonly counts: Counts;
}

/** Left out at either end: connections open one by one, and close. */
const EDGE = 0.1;
/** As long as anybody would wait. */
export const PATIENCE_MS = 2 * 3_600_000;

/** Resolves when all of them have come to a `sink` that had none before. `choice`: of what is let go, as flags of `retry`. */
export async function drain(
  sink: CountingSink,
  messages: number,
  { data }: Role,
  choice: readonly string[],
): Promise<Drain> {
  // The first may have come before all have been told to go.
  const letGo = promisify(execFile)(LAUNCHER, ['retry', ...choice, '--data', data]);
  const when = (share: number): Promise<Counts> =>
    sink.when(`${share * 100} % of what waits`, (it) => it.unique >= messages * share, PATIENCE_MS);
  const [from, to, counts] = await Promise.all([when(EDGE), when(1 - EDGE), when(1), letGo]);
  return { perSecond: ((to.unique - from.unique) * 1000) / (to.at - from.at), counts };
}
