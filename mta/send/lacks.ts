/**
 * What receivers' hosts turned out to lack, remembered for a while so that it is not found out again by each message.
 *
 * Promises: bounded memory, the oldest note goes first; what is forgotten costs one more try, never a message.
 * CHUNKING is known by `targetText`, because what stands before one address may break it; SMTPUTF8 by `hostAndPort`,
 * because hosts are what mail that needs it is offered to.
 */
import { type Clock, type Duration, hours, minutes } from '#lib/run/clock.ts';

/** `CHUNKING`: announced, and BDAT does not work. `SMTPUTF8`: not announced. */
export type Lack = 'CHUNKING' | 'SMTPUTF8';

/** DATA does as well as BDAT, so long; a bounce follows from the other, so short. */
const LASTS: Readonly<Record<Lack, Duration>> = { CHUNKING: hours(24), SMTPUTF8: minutes(10) };
const MOST_NOTES = 10_000;

export class Lacks {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** By host, until when on the monotonic clock. One lack's many notes push out none of another's. */
  readonly #notes: Readonly<Record<Lack, Map<string, Duration>>> = { CHUNKING: new Map(), SMTPUTF8: new Map() };

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  learn(host: string, lack: Lack): void {
    const notes = this.#notes[lack];
    notes.delete(host);
    notes.set(host, this.#clock.monotonic() + LASTS[lack]);
    if (notes.size <= MOST_NOTES) return;
    const [oldest = ''] = notes.keys();
    notes.delete(oldest);
  }

  has(host: string, lack: Lack): boolean {
    return (this.#notes[lack].get(host) ?? -Infinity) > this.#clock.monotonic();
  }
}
