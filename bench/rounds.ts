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

/** A stage for `run`, kept when it fails. */
export async function onStage<T>(run: (stage: Stage) => Promise<T>): Promise<T> {
  const stage = new Stage();
  let isDone = false;
  try {
    const result = await run(stage);
    isDone = true;
    return result;
  } finally {
    await stage.end(!isDone);
  }
}
