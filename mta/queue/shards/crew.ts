/**
 * Who works on the queue now, as far as is heard; and whether anybody would hear us.
 *
 * Everybody hears his own heartbeats come back: who has heard none for four seconds is cut off, a second before the others take
 * him for dead. Who is back, or begins, listens for a while before he is sure who else lives. Silence counts only while we heard
 * ourselves: what others said while this process stood still is read after it goes on.
 */
import { type Clock, type Duration, milliseconds, seconds } from '#lib/run/clock.ts';
import type { Heartbeat } from './heartbeat.ts';

/** How often each says that it lives. */
export const BEAT: Duration = seconds(1);
const CUT_OFF_AFTER: Duration = seconds(4);
const DEAD_AFTER: Duration = seconds(5);
/** Our own heartbeats that come back while somebody who lives is not heard: fewer than this. */
const DEAD_AFTER_BEATS = 4;
/** Everybody who lives is heard within it, unless he stands still. */
const LISTENS: Duration = milliseconds(2500);
/** Who was not heard for this long may be dead soon. */
const DOUBTED_AFTER: Duration = milliseconds(2500);

interface Heard {
  readonly beat: Heartbeat;
  readonly at: Duration;
  /** Own heartbeats that had come back by then. */
  readonly own: number;
}

export class Crew {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #others = new Map<string, Heard>();
  #ownAt: Duration = -Infinity;
  #own = 0;
  /** When we were heard for the first time, or again; and our heartbeats that had come back before. */
  #since: Pick<Heard, 'at' | 'own'> = { at: Infinity, own: 0 };
  #returns = 0;

  constructor(name: string, clock: Clock) {
    this.#name = name;
    this.#clock = clock;
  }

  hear(beat: Heartbeat): void {
    const now = this.#clock.monotonic();
    if (beat.name !== this.#name) {
      this.#others.set(beat.name, { beat, at: now, own: this.#own });
      return;
    }
    if (this.isCutOff) {
      this.#since = { at: now, own: this.#own };
      this.#returns += 1;
    }
    this.#own += 1;
    this.#ownAt = now;
  }

  /** How often we were heard after nobody heard us; the first time counts. */
  get returns(): number {
    return this.#returns;
  }

  get isCutOff(): boolean {
    return this.#clock.monotonic() - this.#ownAt > CUT_OFF_AFTER;
  }

  /** What we hold may be worked on: whoever took it meanwhile had time to say so. */
  get isSure(): boolean {
    return !this.isCutOff && this.#clock.monotonic() >= this.#since.at + LISTENS;
  }

  /** Who was not heard by now is dead, however long it stood still. */
  get knowsAll(): boolean {
    return this.isSure && this.#areSilentSince(this.#since);
  }

  /** Those that live, without ourselves. */
  others(): Heartbeat[] {
    for (const [name, heard] of this.#others) if (this.#areSilentSince(heard)) this.#others.delete(name);
    return [...this.#others.values()].map((it) => it.beat);
  }

  /** Names of those that may be dead soon. */
  doubted(): ReadonlySet<string> {
    const before = this.#clock.monotonic() - DOUBTED_AFTER;
    return new Set([...this.#others].filter(([, { at }]) => at < before).map(([name]) => name));
  }

  /** Long enough to be dead. */
  #areSilentSince({ at, own }: Pick<Heard, 'at' | 'own'>): boolean {
    return this.#clock.monotonic() - at > DEAD_AFTER && this.#own - own >= DEAD_AFTER_BEATS;
  }
}
