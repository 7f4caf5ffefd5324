/**
 * Ends a process in order when it is told to: the first SIGTERM or SIGINT drains, a later one ends at once.
 *
 * One Ctrl-C comes twice where npm stands between: from the terminal, and a millisecond later from npm. So what follows
 * the first within half a second is the same wish.
 *
 * Whatever is cut short is safe: what was accepted is on disk, so the only price is mail that is sent again.
 */
import { type Clock, type Duration, milliseconds } from './clock.ts';

/** Signals that come closer together are one. */
const ECHO: Duration = milliseconds(500);

/**
 * Calls `drain` once, at the first signal, then exits 0; exits 1 if draining fails. To be called before anything that
 * must be drained is started: `drain` waits for the start itself.
 */
export function drainOnSignal(clock: Clock, drain: () => Promise<void>, failed: (thrown: unknown) => void): void {
  let first: Duration | undefined;
  const heard = (): void => {
    const now = clock.monotonic();
    if (first !== undefined && now - first > ECHO) process.exit(0);
    if (first !== undefined) return;
    first = now;
    drain().then(
      () => process.exit(0),
      (thrown: unknown) => {
        failed(thrown);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', heard);
  process.on('SIGINT', heard);
}
