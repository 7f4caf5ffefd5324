/**
 * Ends a process in order when it is told to: the first SIGTERM or SIGINT drains, a second ends at once.
 *
 * Whatever is cut short is safe: what was accepted is on disk, so the only price is mail that is sent again.
 */

/**
 * Calls `drain` once, at the first signal, then exits 0; exits 1 if draining fails. To be called before anything that
 * must be drained is started: `drain` waits for the start itself.
 */
export function drainOnSignal(drain: () => Promise<void>, failed: (thrown: unknown) => void): void {
  let isDraining = false;
  const heard = (): void => {
    if (isDraining) process.exit(0);
    isDraining = true;
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
