/**
 * The first of many in an order, in steps that hold nobody else up and a memory that does not grow with them.
 */
import { othersTurn } from '#lib/run/turn.ts';

/** Looked at between two turns of everybody else. */
const IN_A_ROW = 1000;

/** Up to `most`, in order; of equals the first. */
export async function foremost<T>(all: Iterable<T>, order: (a: T, b: T) => number, most: number): Promise<T[]> {
  const sorted = (some: readonly T[]): T[] => some.toSorted(order).slice(0, most);
  let kept: T[] = [];
  let seen = 0;
  for (const it of all) {
    kept.push(it);
    if (kept.length >= 2 * most + IN_A_ROW) kept = sorted(kept);
    seen += 1;
    if (seen % IN_A_ROW === 0) await othersTurn();
  }
  return sorted(kept);
}
