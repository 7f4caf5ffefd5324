/**
 * Looks at what DNS says of the addresses of pools: now and then, more often while something is not as it should be, and when a
 * pool changes.
 *
 * A look is made in the background; whoever asks gets the last one. What DNS cannot say now stays as it was said last. A question is
 * a text: an address, or an address and who is asked about it.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';

export interface AddressLooksOptions<Answer> {
  readonly clock: Clock;
  /** Must not reject. */
  readonly ask: (question: string) => Promise<Answer>;
  readonly isKnown: (answer: Answer) => boolean;
  readonly isWell: (answer: Answer) => boolean;
  /** Between looks: while all is well, and while it is not. */
  readonly slow: Duration;
  readonly fast: Duration;
  /** A look has ended, at the addresses of the pool of this key. Must not throw. */
  readonly looked: (key: string) => void;
}

/** By question. */
export type Answers<Answer> = ReadonlyMap<string, Answer>;

interface Look<Answer> {
  readonly questions: string;
  readonly endedAt: Duration;
  readonly found: Answers<Answer>;
}

const AT_ONCE = 16;

export class AddressLooks<Answer> {
  readonly #options: AddressLooksOptions<Answer>;
  readonly #last = new Map<string, Look<Answer>>();
  /** What is asked now, by pool. */
  readonly #looking = new Map<string, string>();

  constructor(options: AddressLooksOptions<Answer>) {
    this.#options = options;
  }

  /** The last look, undefined before the first; and when to ask again. Another is begun if it is time. */
  of(
    key: string,
    questions: readonly string[],
  ): { readonly found: Answers<Answer> | undefined; readonly again: Duration } {
    const { clock, isWell, slow, fast } = this.#options;
    if (questions.length === 0) return { found: new Map(), again: Infinity };
    const last = this.#last.get(key);
    const again = last && Array.from(last.found.values()).every(isWell) ? slow : fast;
    const isOver = !last || clock.monotonic() - last.endedAt >= again;
    const all = questions.join();
    if ((isOver || last.questions !== all) && this.#looking.get(key) !== all) void this.#look(key, questions);
    return { found: last?.found, again };
  }

  /** The pool is no more. */
  drop(key: string): void {
    this.#last.delete(key);
    this.#looking.delete(key);
  }

  async #look(key: string, all: readonly string[]): Promise<void> {
    const { clock, ask, isKnown, looked } = this.#options;
    const questions = all.join();
    this.#looking.set(key, questions);
    const before = this.#last.get(key)?.found;
    const found = new Map<string, Answer>();
    for (let at = 0; at < all.length; at += AT_ONCE)
      await Promise.all(
        all.slice(at, at + AT_ONCE).map(async (question) => {
          const now = await ask(question);
          found.set(question, isKnown(now) ? now : (before?.get(question) ?? now));
        }),
      );
    // Others are looked at meanwhile, or none.
    if (this.#looking.get(key) !== questions) return;
    this.#looking.delete(key);
    this.#last.set(key, { questions, endedAt: clock.monotonic(), found });
    looked(key);
  }
}
