/**
 * Tells of a change where nobody else does: by looking every so often.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';
import type { PodWord } from './pod-report.ts';

/** For texts that are cheap to make, and of which a late word is none too many. */
export const lookedAt =
  (clock: Clock, every: Duration, text: () => string): PodWord['onChange'] =>
  (listener) => {
    let before = text();
    const look = (): void => {
      const now = text();
      timer = clock.after(every, look);
      if (now === before) return;
      before = now;
      listener();
    };
    let timer = clock.after(every, look);
    return () => timer.cancel();
  };
