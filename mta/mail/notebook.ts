/**
 * A notebook: what a part of sending knows and should know again after a restart. Types only.
 *
 * Its owner knows everything by itself and writes down what changes; it reads once, when it is made. What is noted is
 * durable a moment later (`memory-keeper.ts`), and a kill forgets that moment: an owner errs harmlessly by so much.
 */
import type { Instant } from '#lib/run/clock.ts';

export interface Note {
  readonly key: string;
  /** Anything that JSON can say. */
  readonly value: unknown;
  /** From then on it holds no more. */
  readonly until: Instant;
}

export interface Notebook {
  /** What was noted before the start and held then. */
  readonly notes: readonly Note[];
  /** Notes a value under a key until then, in place of what was there. Nothing to wait for. */
  write(key: string, value: unknown, until: Instant): void;
  /** Nothing is noted under a key any more. */
  strike(key: string): void;
}
