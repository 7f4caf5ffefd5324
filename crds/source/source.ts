/**
 * PORT: where the declared world comes from.
 *
 * Promises every adapter keeps (`source.contract.ts` proves them on each):
 *
 * - `current` is whole: every resource of one moment, valid, with defaults filled in. It is the same object until the
 *   world changes, and never changes itself.
 * - A resource that is not valid never appears in it. It is in `problems` until it is put right.
 * - Whoever asked is told after each change of `current` or of `problems`, and reads both anew. Several changes may be
 *   told as one; nothing is told that did not change; nothing is told after `close`.
 *
 * Left to others: what a change means, and what to say about a problem.
 */
import type { Kind } from '../kinds.ts';
import type { Problem } from '../problem.ts';
import type { Resources } from './resources.ts';

/** A problem and where it is: a file, or a resource's `kind namespace/name` where there are no files. */
export interface SourceProblem extends Problem {
  readonly file: string;
  /** Line of the field, or of the nearest thing around it, from 1; absent where there are no lines. */
  readonly line?: number;
}

export interface ResourceSource {
  /** The newest world without a problem. Costs nothing. */
  current(): Resources;
  /** What keeps the newest world from being `current`; empty when it is. */
  problems(): readonly SourceProblem[];
  /**
   * What others keep of a resource beside what is declared, as the operator its status: the newest that is known, `key` being
   * `namespace/name`. Undefined where nobody does. Of it alone nothing is told.
   */
  statusOf(kind: Kind, key: string): object | undefined;
  /** Calls `listener` after each change until the function returned is called. The listener must not throw. */
  onChange(listener: () => void): () => void;
  /** Stops telling and watching. Harmless twice. Resolves when nothing is read any more. */
  close(): Promise<void>;
}

/** One line for people: `2-pool.yaml:7 spec.members: must have at least 1 entry`. */
export function problemLine({ file, line, path, problem }: SourceProblem): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return path === '' ? `${place} ${problem}` : `${place} ${path} ${problem}`;
}
