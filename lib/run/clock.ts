/**
 * Time, injected: the one file that reads the machine's clocks and sets timers.
 *
 * `now` is wall time, for headers and due times, and may jump. `monotonic` never goes back, for deadlines and
 * durations. Everything else takes a `Clock`, so that tests move time by hand (`fake-clock.ts`).
 */

/** Wall time in milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number;
/** A length of time in milliseconds. */
export type Duration = number;

/** A timer that has been set; cancelling one that has fired or was cancelled does nothing. */
export interface Timer {
  cancel(): void;
}

/** The clocks of a machine. */
export interface Clock {
  /** Wall time. May jump either way when the machine's clock is set. */
  now(): Instant;
  /** Milliseconds since an unnamed start; never goes back. */
  monotonic(): Duration;
  /** Calls `fire` once after `delay`. Does not keep the process alive. */
  after(delay: Duration, fire: () => void): Timer;
}

export const milliseconds = (count: number): Duration => count;
export const seconds = (count: number): Duration => count * 1000;
export const minutes = (count: number): Duration => count * 60_000;
export const hours = (count: number): Duration => count * 3_600_000;

/** setTimeout overflows above 2^31-1 ms and then fires at once; longer delays are cut to this. */
const LONGEST_TIMER: Duration = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delay, fire) {
    const timer = setTimeout(fire, Math.min(Math.max(delay, 0), LONGEST_TIMER));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** For how long this process's event loop has not waited, since it began. */
export const timeAtWork = (): Duration => performance.eventLoopUtilization().active;

/** The same clocks; its timers keep the process alive: for commands, which have nothing else to wait for. */
export const commandClock: Clock = {
  ...systemClock,
  after(delay, fire) {
    const timer = setTimeout(fire, Math.min(Math.max(delay, 0), LONGEST_TIMER));
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after `delay`. */
export async function sleep(clock: Clock, delay: Duration): Promise<void> {
  await new Promise<void>((resolve) => clock.after(delay, resolve));
}
