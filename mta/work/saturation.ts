/**
 * How much of all that it can do a worker does: one number from 0 to 1 for whoever decides how many there are to be.
 *
 * It is the share of what is scarcest now: the event loop, processors (what signs has threads of its own), and what else is bounded. Mail that
 * waits for a limit or for a receiver makes nobody busy: another worker would send none of it. The first two are means since they
 * were read last, over ten seconds at least, so that several who read do not see moments.
 */
import { availableParallelism } from 'node:os';
import { type Clock, type Duration, seconds, timeAtWork } from '#lib/run/clock.ts';

/** Since the process began. */
export interface Used {
  /** For how long its event loop was at work. */
  readonly loop: Duration;
  /** For how long all processors that it may use were at work for it. */
  readonly processors: Duration;
}

export interface SaturationOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly used: () => Used;
  /** What is bounded: how much of each is taken. */
  readonly shares: () => readonly number[];
}

const SPAN: Duration = seconds(10);

export class Saturation {
  readonly #options: SaturationOptions;
  #before: Used & { readonly at: Duration };
  #busy = 0;

  constructor(options: SaturationOptions) {
    this.#options = options;
    this.#before = { ...options.used(), at: options.clock.monotonic() };
  }

  read(): number {
    this.#lookAgain();
    return Math.min(1, Math.max(this.#busy, ...this.#options.shares()));
  }

  #lookAgain(): void {
    const { clock, used } = this.#options;
    const { at, loop, processors } = this.#before;
    const lasted = clock.monotonic() - at;
    if (lasted < SPAN) return;
    const now = used();
    this.#busy = Math.max(now.loop - loop, now.processors - processors) / lasted;
    this.#before = { ...now, at: at + lasted };
  }
}

/** Of this process. */
export function usedHere(): Used {
  const { user, system } = process.cpuUsage();
  return {
    loop: timeAtWork(),
    processors: (user + system) / 1000 / availableParallelism(),
  };
}
