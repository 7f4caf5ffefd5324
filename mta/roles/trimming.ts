/**
 * Lets go of what nobody needs of the queue's streams, every minute, for as long as the process lives.
 */
import { type Clock, type Duration, minutes } from '#lib/run/clock.ts';
import { reasonOf } from '#lib/run/fault.ts';
import type { JetstreamQueue } from '../queue/jetstream/queue.ts';
import type { StreamLedger } from '../settle/ledger/jetstream/open.ts';

/** How old what has ended has to be before the log may forget it: longer than a put takes. */
const SETTLED_FOR: Duration = minutes(2);
const TRIM_EVERY: Duration = minutes(1);

export interface TrimmingOptions {
  readonly queue: Pick<JetstreamQueue, 'trim'>;
  /** What is not copied into it yet is not let go of. */
  readonly ledger: Pick<StreamLedger, 'copied'>;
  readonly clock: Clock;
  /** Told when it cannot be done for now. Must not throw. */
  readonly failed: (reason: string) => void;
}

export function trimNowAndThen({ queue, ledger, clock, failed }: TrimmingOptions): { stop(): void } {
  let isOver = false;
  let timer = clock.after(TRIM_EVERY, trim);
  function trim(): void {
    queue
      .trim(SETTLED_FOR, () => ledger.copied())
      .catch((thrown: unknown) => failed(reasonOf(thrown)))
      .finally(() => {
        if (!isOver) timer = clock.after(TRIM_EVERY, trim);
      });
  }
  return {
    stop() {
      isOver = true;
      timer.cancel();
    },
  };
}
