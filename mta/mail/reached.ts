/**
 * What was found or done where several processes have a part of it, and what of it is not known. Types only.
 */

export interface Reached<T> {
  readonly found: T;
  /** A sentence for each part that gave no answer: which, and why. */
  readonly missing: readonly string[];
}
