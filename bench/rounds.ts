/**
 * What measurements have in common: rounds in which each candidate has its turn, and what a measurement finds.
 *
 * Candidates in turn, because a machine is now quick and now slow: what is compared was measured side by side.
 */
import { Stage } from '../test/harness/stage.ts';

/** Shows a line to whoever waits. */
export type Say = (line: string) => void;

/** What was measured, for people, and what is wrong with it. */
export interface Finding {
  /** A table, and what is to be said of it. */
  readonly text: string;
  /** A sentence about the rows, without its full stop. */
  readonly about: string;
  /** Where it is published; `performance.md` when absent. */
  readonly page?: 'reliability.md';
  /** A sentence each; none: what was asked holds. */
  readonly faults: readonly string[];
}

/** The sentences of what is so. */
export const whatIsSo = (all: readonly (readonly [isSo: boolean, what: string])[]): string[] =>
  all.flatMap(([isSo, what]) => (isSo ? [what] : []));

/** Measures; in short the same checks on little mail. */
export type Measurement = (isShort: boolean, say: Say) => Promise<Finding>;

/** Every run of every candidate, as they came: `rounds` times all of them in turn. */
export async function inTurn<Candidate, Run>(
  rounds: number,
  candidates: readonly Candidate[],
  measure: (candidate: Candidate, round: number) => Promise<Run>,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (let round = 1; round <= rounds; round += 1)
    for (const candidate of candidates) runs.push(await measure(candidate, round));
  return runs;
}

/** Ends of a measurement that somebody is tired of: what it started leads groups of its own and would go on. */
const ENDS = { SIGINT: 130, SIGTERM: 143 } as const;

/** A stage for `run`, kept when it fails; ended first when the process is told to end. */
export async function onStage<T>(run: (stage: Stage) => Promise<T>): Promise<T> {
  const stage = new Stage();
  const end = (signal: keyof typeof ENDS): void => void stage.end(false).finally(() => process.exit(ENDS[signal]));
  const signals = Object.keys(ENDS) as (keyof typeof ENDS)[];
  for (const it of signals) process.once(it, end);
  let isDone = false;
  try {
    const result = await run(stage);
    isDone = true;
    return result;
  } finally {
    for (const it of signals) process.removeListener(it, end);
    await stage.end(!isDone);
  }
}
