/**
 * The simulation in short: some seeds in which everything that was promised holds, that a seed is a run, and that a bug
 * shows. `npm run proof -- simulation` is the same on many seeds, with every planted bug.
 */
import { expect, test } from 'vitest';
import { PLANTED } from './planted.ts';
import { type Run, simulate } from './simulation.ts';

const SEEDS = [1, 2, 3];
const AGAIN = 3;
/** Looked at for a bug. */
const MOST_SEEDS = 20;

/** What happened last, when something was found to be wrong. */
const said = ({ seed, violations, lines }: Run): string[] =>
  violations.length === 0 ? [] : [`seed ${seed}`, ...violations, ...lines.slice(-40)];

test.each(SEEDS)('seed %i: every promise holds, whatever happens', async (seed) => {
  expect(said(await simulate(seed))).toEqual([]);
});

test('a seed is a run: the same, event by event, each time', async () => {
  const [first, second, other] = [await simulate(AGAIN), await simulate(AGAIN), await simulate(AGAIN + 5)];
  expect(second.hash).toBe(first.hash);
  expect(other.hash).not.toBe(first.hash);
});

test.each(PLANTED.filter((it) => it.name === 'double settle'))('a planted bug is found: $name', async (plant) => {
  let run = await simulate(1, plant);
  while (run.violations.length === 0 && run.seed < MOST_SEEDS) run = await simulate(run.seed + 1, plant);
  expect(run.violations).not.toEqual([]);
});
