/**
 * Whether the queue can be written now: asked twice a second, so that whoever comes with new mail is told within two.
 *
 * Servers that keep a stream answer by who leads it: a majority that is gone is away as well.
 */
import { type Clock, type Duration, milliseconds, seconds, type Timer } from '#lib/run/clock.ts';

const ASK_EVERY: Duration = milliseconds(500);
const ANSWER_WITHIN: Duration = seconds(1);

export interface ReachOptions {
  readonly clock: Clock;
  /** Rejects when nobody answers. */
  readonly ask: () => Promise<unknown>;
  /** Told of each change. Must not throw. */
  readonly changed: (isAway: boolean) => void;
}

export class Reach {
  readonly #options: ReachOptions;
  #isAway = false;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: ReachOptions) {
    this.#options = options;
    this.#askAgain();
  }

  get isAway(): boolean {
    return this.#isAway;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #askAgain(): void {
    if (!this.#isClosed) this.#timer = this.#options.clock.after(ASK_EVERY, () => void this.#ask());
  }

  async #ask(): Promise<void> {
    const { clock, ask } = this.#options;
    const late = Promise.withResolvers<'late'>();
    const timer = clock.after(ANSWER_WITHIN, () => late.resolve('late'));
    const answer = await Promise.race([
      ask().then(
        () => 'there',
        () => 'away',
      ),
      late.promise,
    ]);
    timer.cancel();
    this.#take(answer !== 'there');
    this.#askAgain();
  }

  #take(isAway: boolean): void {
    if (isAway === this.#isAway || this.#isClosed) return;
    this.#isAway = isAway;
    this.#options.changed(isAway);
  }
}
