/**
 * A value that is read anew every so often, because what it is read from changes under it (a Secret that is mounted).
 *
 * Promises: it is always a whole one; one that cannot be read leaves the last good one in use, and is told.
 */
import type { Clock, Duration, Timer } from '#lib/run/clock.ts';

export interface RefreshOptions {
  readonly clock: Clock;
  readonly every: Duration;
  /** Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

export class Refreshed<T> {
  readonly #read: () => Promise<T>;
  readonly #options: RefreshOptions;
  #current: T;
  #timer: Timer | undefined;
  #isClosed = false;

  private constructor(read: () => Promise<T>, options: RefreshOptions, first: T) {
    this.#read = read;
    this.#options = options;
    this.#current = first;
    this.#plan();
  }

  /** Rejects when it cannot be read the first time. */
  static async open<T>(read: () => Promise<T>, options: RefreshOptions): Promise<Refreshed<T>> {
    return new Refreshed(read, options, await read());
  }

  get current(): T {
    return this.#current;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #plan(): void {
    if (!this.#isClosed) this.#timer = this.#options.clock.after(this.#options.every, () => void this.#refresh());
  }

  async #refresh(): Promise<void> {
    try {
      this.#current = await this.#read();
    } catch (thrown) {
      this.#options.troubled(thrown);
    }
    this.#plan();
  }
}
