/**
 * A start waits for NATS servers that have just started, or are electing: they answer late, or not at first.
 */
import { type Clock, type Duration, seconds, sleep } from '#lib/run/clock.ts';
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';

const GIVE_UP_AFTER: Duration = seconds(30);
const TRY_AGAIN_AFTER: Duration = seconds(1);

/** What `open` resolves with; it is called again while servers are there and do not answer, for half a minute. */
export async function patiently<T>(
  open: () => Promise<T>,
  { clock, log }: { readonly clock: Clock; readonly log: Pick<Log, 'warn'> },
): Promise<T> {
  const until = clock.monotonic() + GIVE_UP_AFTER;
  for (;;) {
    try {
      return await open();
    } catch (thrown) {
      if (codeOf(thrown) !== 'nats-failed' || clock.monotonic() >= until) throw thrown;
      log.warn('NATS is not ready yet', { reason: reasonOf(thrown) });
      await sleep(clock, TRY_AGAIN_AFTER);
    }
  }
}
