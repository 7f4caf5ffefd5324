/**
 * `relay`: Postfleet and Postfix on this machine, in this run, in turn, by one yardstick.
 *
 * Less than twice Postfix's rate at 20 connections fails, unless in short. Lost, doubled or unsigned mail always fails.
 */
import { Mailbench, type Verdict } from '../test/harness/mailbench.ts';
import { needMailbench, needTools } from '../test/setup/tools.ts';
import { middleOf } from './page.ts';
import { type RelayName, starters } from './relays.ts';
import { type Row, tableOf } from './report.ts';
import { type Finding, inTurn, onStage, type Say } from './rounds.ts';
import { usageOf } from './usage.ts';

interface Candidate {
  readonly relay: RelayName;
  readonly connections: number;
}

interface Run extends Candidate {
  readonly verdict: Verdict;
  readonly cpu: number | undefined;
  readonly peakMemory: number | undefined;
}

const RELAYS: readonly RelayName[] = ['none', 'Postfix', 'Postfleet'];
const CONNECTIONS = [20, 100];
const CANDIDATES = CONNECTIONS.flatMap((connections) => RELAYS.map((relay): Candidate => ({ relay, connections })));
const FULL = { messages: 20_000, rounds: 3 };
const SHORT = { messages: 4000, rounds: 1 };
const BODY_BYTES = 10_240;
/** What Postfleet's rate must be of Postfix's at 20 connections. */
const LEAST_RATIO = 2;

const measure = ({ relay, connections }: Candidate, messages: number): Promise<Run> =>
  onStage(async (stage) => {
    const started = await starters[relay](stage);
    const { port, sink, pid } = started;
    try {
      const before = pid === undefined ? undefined : usageOf(pid);
      const flags = ['-size', String(BODY_BYTES), '-wait', '120s', '-dkim'];
      const verdict = await Mailbench.start(stage, { to: port, sink, messages, connections, flags }).verdict();
      const after = pid === undefined ? undefined : usageOf(pid);
      const cpu = before && after && after.cpu - before.cpu;
      return { relay, connections, verdict, cpu, peakMemory: after?.peakMemory };
    } finally {
      await started.stop();
    }
  });

/** The run in the middle by rate, with the worst counts of all. */
function rowOf(runs: readonly Run[], postfix: number): Row {
  const { relay, connections, verdict, cpu, peakMemory } = middleOf(runs, (it) => it.verdict.deliverPerSecond);
  const worst = (count: (verdict: Verdict) => number): number => Math.max(...runs.map((it) => count(it.verdict)));
  return {
    relay,
    connections,
    perSecond: verdict.deliverPerSecond,
    ratio: verdict.deliverPerSecond / postfix,
    lost: worst((it) => it.lost + it.refused + it.unknown),
    duplicates: worst((it) => it.duplicates),
    unsigned: relay === 'Postfleet' ? worst((it) => it.unsigned ?? it.delivered) : undefined,
    p50ms: verdict.p50ms,
    p99ms: verdict.p99ms,
    peakMemory,
    cpuPerThousand: cpu === undefined ? undefined : (cpu * 1000) / verdict.unique,
  };
}

function rowsOf(runs: readonly Run[]): Row[] {
  return CONNECTIONS.flatMap((connections) => {
    const of = (relay: RelayName) => runs.filter((it) => it.relay === relay && it.connections === connections);
    const postfix = rowOf(of('Postfix'), 1).perSecond;
    return RELAYS.map((relay) => rowOf(of(relay), postfix));
  });
}

/** What is wrong with Postfleet's figures, a sentence each. */
function faultsIn(rows: readonly Row[], isShort: boolean): string[] {
  const ours = rows.filter((it) => it.relay === 'Postfleet');
  const unclean = ours
    .filter((it) => it.lost + it.duplicates + (it.unsigned ?? 0) > 0)
    .map((it) => `${it.connections} connections: ${it.lost} lost, ${it.duplicates} doubled, ${it.unsigned} unsigned`);
  const slow = ours
    .filter((it) => !isShort && it.connections === 20 && it.ratio < LEAST_RATIO)
    .map((it) => `${it.connections} connections: ${it.ratio.toFixed(2)} times as fast as Postfix, not ${LEAST_RATIO}`);
  return [...unclean, ...slow];
}

export async function measureRelay(isShort: boolean, say: Say): Promise<Finding> {
  needTools('postfix');
  await needMailbench();
  const { messages, rounds } = isShort ? SHORT : FULL;
  const runs = await inTurn(rounds, CANDIDATES, async (candidate, round) => {
    const run = await measure(candidate, messages);
    const who = `${candidate.connections} connections, ${candidate.relay}`;
    say(`round ${round}, ${who}: ${Math.round(run.verdict.deliverPerSecond)}/s`);
    return run;
  });
  const rows = rowsOf(runs);
  const command = `mailbench -n ${messages} -c 20|100 -size ${BODY_BYTES} -dkim`;
  const about = `Each row is the median of three\nruns, relays in turn: \`${command}\``;
  return { text: tableOf(rows), about, faults: faultsIn(rows, isShort) };
}
