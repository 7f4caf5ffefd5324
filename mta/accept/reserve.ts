/**
 * Keeps a part of the disk for what is accepted already: below it nothing new is taken, and deliveries go on.
 *
 * What the reserve is for: outcomes, reports, and messages that were on their way in when it was reached. Looked at every
 * second, so that asking costs nothing. Recovers by itself, a tenth above the reserve, so that it does not
 * flutter. A disk that cannot be asked counts as it did before; the queue's own faults tell then.
 */
import { type Clock, type Duration, seconds, type Timer } from '#lib/run/clock.ts';
import type { Space } from '#lib/run/disk.ts';

export interface ReserveSize {
  readonly percent: number;
  readonly bytes: number;
}

export interface ReserveOptions {
  readonly clock: Clock;
  /** The room there is, what the queue's own file has free included. */
  readonly look: () => Promise<Space>;
  /** Asked at each look. */
  readonly size: () => ReserveSize;
  /** Told when it is reached, and when there is room again. Must not throw. */
  readonly changed: (state: ReserveState) => void;
}

export interface ReserveState extends Space {
  readonly isLow: boolean;
  readonly reserve: number;
}

const PACE: Duration = seconds(1);
/** So much of the reserve must be free beyond it. */
const RECOVERED = 1 / 10;

/** The larger of a share and a number of bytes. */
export const reserveOf = (size: number, { percent, bytes }: ReserveSize): number =>
  Math.max((size * percent) / 100, bytes);

export function isBelow(wasBelow: boolean, free: number, reserve: number): boolean {
  return free < reserve + (wasBelow ? reserve * RECOVERED : 0);
}

export class DiskReserve {
  readonly #options: ReserveOptions;
  #state: ReserveState = { isLow: false, free: 0, size: 0, reserve: 0 };
  #timer: Timer | undefined;
  #isClosed = false;

  private constructor(options: ReserveOptions) {
    this.#options = options;
  }

  /** Resolves after the first look. */
  static async open(options: ReserveOptions): Promise<DiskReserve> {
    const reserve = new DiskReserve(options);
    await reserve.#look();
    return reserve;
  }

  get state(): ReserveState {
    return this.#state;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    try {
      this.#take(await this.#options.look());
    } catch {
      // It counts as it did before.
    }
    if (!this.#isClosed) this.#timer = this.#options.clock.after(PACE, () => void this.#look());
  }

  #take({ free, size }: Space): void {
    const { isLow: before } = this.#state;
    const reserve = reserveOf(size, this.#options.size());
    this.#state = { free, size, reserve, isLow: isBelow(before, free, reserve) };
    if (this.#state.isLow !== before) this.#options.changed(this.#state);
  }
}
