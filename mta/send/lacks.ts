/**
 * What receivers' hosts turned out to lack, remembered for a while so that it is not found out again by each message.
 *
 * Promises: bounded memory, the oldest note goes first; what is forgotten costs one more try, never a message.
 * A host is known by `targetText`: name, address and port.
 */
import { type Clock, type Duration, hours, minutes } from '#lib/run/clock.ts';

/** `CHUNKING`: announced, and BDAT does not work. `SMTPUTF8`: not announced. */
export type Lack = 'CHUNKING' | 'SMTPUTF8';

/** DATA does as well as BDAT, so long; a bounce follows from the other, so short. */
const LASTS: Readonly<Record<Lack, Duration>> = { CHUNKING: hours(24), SMTPUTF8: minutes(10) };
const MOST_NOTES = 10_000;

export class Lacks {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** `CHUNKING mx.example.net [192.0.2.1]:25` → until when, on the monotonic clock. */
  readonly #notes = new Map<string, Duration>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  learn(host: string, lack: Lack): void {
    const note = `${lack} ${host}`;
    this.#notes.delete(note);
    this.#notes.set(note, this.#clock.monotonic() + LASTS[lack]);
    if (this.#notes.size <= MOST_NOTES) return;
    const [oldest = ''] = this.#notes.keys();
    this.#notes.delete(oldest);
  }

  has(host: string, lack: Lack): boolean {
    return (this.#notes.get(`${lack} ${host}`) ?? -Infinity) > this.#clock.monotonic();
  }
}
