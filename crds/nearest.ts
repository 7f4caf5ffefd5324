/**
 * The known word that a mistyped one most likely meant. Pure.
 */

/** The nearest of `known` if it is near enough to be meant (a third of its letters wrong at most), else undefined. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of known) {
    const away = distance(word.toLowerCase(), candidate.toLowerCase());
    if (away < bestDistance && away <= Math.ceil(candidate.length / 3)) [best, bestDistance] = [candidate, away];
  }
  return best;
}

/** `; did you mean x?` or nothing. */
export function suggestion(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}

/** Letters to insert, delete or replace to make one word of the other. Long words are cut: nobody mistypes those. */
function distance(from: string, to: string): number {
  const target = to.slice(0, LONGEST);
  let row = Array.from({ length: target.length + 1 }, (_, at) => at);
  for (let line = 0; line < Math.min(from.length, LONGEST); line += 1) {
    const next = [line + 1];
    for (let at = 1; at <= target.length; at += 1)
      next.push(
        Math.min((row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1, (row[at - 1] ?? 0) + cost(from[line], target[at - 1])),
      );
    row = next;
  }
  return row[target.length] ?? Infinity;
}

const LONGEST = 64;
const cost = (a: string | undefined, b: string | undefined): number => (a === b ? 0 : 1);
