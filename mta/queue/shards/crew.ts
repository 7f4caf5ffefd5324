/**
 * Who works on the queue now, as far as is heard; and whether anybody would hear us.
 *
 * Everybody hears his own heartbeats come back: who has heard none for four seconds is cut off, a second before the others take
 * him for dead. Who is back, or begins, listens for a while before he is sure who else lives.
 */
import { type Clock, type Duration, milliseconds, seconds } from '#lib/run/clock.ts';
import type { Heartbeat } from './heartbeat.ts';

/** How often each says that it lives. */
export const BEAT: Duration = seconds(1);
const CUT_OFF_AFTER: Duration = seconds(4);
const DEAD_AFTER: Duration = seconds(5);
/** Everybody who lives is heard within it. */
const LISTENS: Duration = milliseconds(2500);

interface Heard {
  readonly beat: Heartbeat;
  readonly at: Duration;
}

export class Crew {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #others = new Map<string, Heard>();
  #ownAt: Duration = -Infinity;
  #sureFrom: Duration = Infinity;
  #returns = 0;

  constructor(name: string, clock: Clock) {
    this.#name = name;
    this.#clock = clock;
  }

  hear(beat: Heartbeat): void {
    const now = this.#clock.monotonic();
    if (beat.name !== this.#name) {
      this.#others.set(beat.name, { beat, at: now });
      return;
    }
    if (this.isCutOff) {
      this.#sureFrom = now + LISTENS;
      this.#returns += 1;
    }
    this.#ownAt = now;
  }

  /** How often we were heard after nobody heard us; the first time counts. */
  get returns(): number {
    return this.#returns;
  }

  get isCutOff(): boolean {
    return this.#clock.monotonic() - this.#ownAt > CUT_OFF_AFTER;
  }

  /** What is known of who lives is what is so. */
  get isSure(): boolean {
    return !this.isCutOff && this.#clock.monotonic() >= this.#sureFrom;
  }

  /** Those that live, without ourselves. */
  others(): Heartbeat[] {
    const now = this.#clock.monotonic();
    for (const [name, { at }] of this.#others) if (now - at > DEAD_AFTER) this.#others.delete(name);
    return [...this.#others.values()].map((it) => it.beat);
  }
}
