/**
 * Ends mail whose life is over while nobody can send it: its pool has no usable address, its site rests, a rate holds it.
 *
 * Mail that can be sent is looked at when it is leased. What waits behind something is looked at here, a little every second:
 * so many lanes or so many recipients, however many wait, so that a backlog costs nobody else anything. Of 10,000 lanes
 * each has its turn every ten minutes, of a million recipients in one lane each within the hour and a half.
 */
import type { Clock, Duration, Instant, Timer } from '#lib/run/clock.ts';
import { minutes, seconds } from '#lib/run/clock.ts';
import type { Attempt } from '../mail/attempt.ts';
import type { Claim, LaneName, Lease, Life, Place, Queue } from '../queue/queue.ts';
import { tooLate } from './attempts.ts';

/** A lane that waits, and why its mail did not go the last time. */
export interface Stuck {
  readonly lane: LaneName;
  readonly trouble: string | undefined;
}

export interface OutlivedOptions {
  readonly queue: Pick<Queue, 'leaseOutlived'>;
  readonly claim: Claim;
  readonly clock: Clock;
  /** Every lane that has something due and waits for more than its turn. */
  readonly stuck: () => readonly Stuck[];
  readonly expiresAt: (lane: LaneName, life: Life) => Instant;
  readonly settle: (lease: Lease, attempt: Attempt) => void;
  /** When outcomes can be recorded; undefined: now. */
  readonly ready: () => Promise<void> | undefined;
  /** Told of faults of ours. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

const PACE: Duration = seconds(1);
const LANES = 20;
const ENTRIES = 200;
/** Until their outcome is surely written. */
const HOLD: Duration = minutes(5);

export class Outlived {
  readonly #options: OutlivedOptions;
  /** What is left of this round through the lanes. */
  #lanes: Stuck[] = [];
  /** Where to go on in the first of them. */
  #place: Place | undefined;
  #timer: Timer;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: OutlivedOptions) {
    this.#options = options;
    this.#timer = options.clock.after(PACE, () => this.#turn());
  }

  /** Resolves when nothing more is settled. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer.cancel();
    await this.#looking;
  }

  #turn(): void {
    this.#looking = this.#look()
      .catch((thrown: unknown) => this.#options.troubled(thrown))
      .then(() => {
        if (!this.#isStopped) this.#timer = this.#options.clock.after(PACE, () => this.#turn());
      });
  }

  async #look(): Promise<void> {
    if (this.#lanes.length === 0) this.#lanes = [...this.#options.stuck()];
    for (let count = 0; count < LANES && !this.#isStopped; count += 1) {
      const [stuck] = this.#lanes;
      if (!stuck) return;
      await this.#options.ready();
      this.#place = await this.#lookAt(stuck, this.#place);
      if (this.#place) return;
      this.#lanes.shift();
    }
  }

  /** Where to go on; undefined at the end of the lane. */
  async #lookAt({ lane, trouble }: Stuck, from: Place | undefined): Promise<Place | undefined> {
    const { queue, claim, clock, expiresAt, settle } = this.#options;
    const now = clock.now();
    const isOver = (life: Life): boolean => expiresAt(lane, life) <= now;
    const { leases, next } = await queue.leaseOutlived(claim, lane, { from, max: ENTRIES, isOver }, HOLD);
    for (const lease of leases) settle(lease, tooLate(trouble));
    return next;
  }
}
