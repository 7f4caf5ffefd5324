/**
 * Follows a stream for as long as it is wanted: when what delivers its messages ends or falls silent, it goes on with another.
 *
 * What delivers lives on one server. When that one dies the library makes another, but not always: it was seen to end without
 * a word, or to wait for ever. So now and then, when nothing comes, it is asked whether something should have come.
 */
import { type Clock, type Duration, milliseconds, seconds, sleep, type Timer } from '../run/clock.ts';
import { codeOf } from '../run/fault.ts';
import type { Stored } from './stored.ts';

/** Messages in order, without a gap; a server that is behind the others gives them when it has them. */
export interface Following extends AsyncIterable<Stored> {
  stop(): void;
}

export interface FollowingOptions {
  readonly clock: Clock;
  /** Delivers what comes from a sequence on. */
  readonly open: (from: number) => Promise<Following>;
  /** The last sequence there is, as the leader knows it. */
  readonly last: () => Promise<number>;
  /** The connection is closed. */
  readonly isOver: () => boolean;
}

const LOOK_EVERY: Duration = seconds(3);
const TRY_AGAIN_AFTER: Duration = milliseconds(500);

/** Resolves when the first messages may come. Rejects when they cannot be asked for. */
export async function keepFollowing(options: FollowingOptions, from: number): Promise<Following> {
  const run = new Run(options, from, await options.open(from));
  return { stop: () => run.stop(), [Symbol.asyncIterator]: () => run.messages() };
}

class Run {
  readonly #options: FollowingOptions;
  #next: number;
  #current: Following;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: FollowingOptions, from: number, first: Following) {
    this.#options = options;
    this.#next = from;
    this.#current = first;
    this.#lookLater();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#current.stop();
  }

  async *messages(): AsyncGenerator<Stored> {
    for (;;) {
      try {
        for await (const it of this.#current) {
          this.#next = it.seq + 1;
          yield it;
        }
      } catch (thrown) {
        if (codeOf(thrown) === 'nats-no-stream') throw thrown;
      }
      if (!(await this.#openAgain())) return;
    }
  }

  /** False when it is not wanted any more. */
  async #openAgain(): Promise<boolean> {
    const { open, isOver, clock } = this.#options;
    while (!this.#isStopped && !isOver()) {
      try {
        this.#current = await open(this.#next);
        if (this.#isStopped) this.#current.stop();
        return !this.#isStopped;
      } catch (thrown) {
        if (codeOf(thrown) === 'nats-no-stream') throw thrown;
        await sleep(clock, TRY_AGAIN_AFTER);
      }
    }
    return false;
  }

  #lookLater(): void {
    if (!this.#isStopped) this.#timer = this.#options.clock.after(LOOK_EVERY, () => void this.#look(this.#next));
  }

  /** Whether something should have come while nothing did. */
  async #look(before: number): Promise<void> {
    const current = this.#current;
    await sleep(this.#options.clock, LOOK_EVERY);
    if (!this.#isStopped && this.#next === before && current === this.#current) {
      const last = await this.#options.last().catch(() => 0);
      if (last >= before && this.#next === before) current.stop();
    }
    this.#lookLater();
  }
}
