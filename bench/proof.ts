/**
 * `npm run proof -- relay [--short]`: Postfleet and Postfix on this machine, in this run, in turn, by one yardstick.
 * `npm run proof -- http [--short]` is told in `http.ts`, `npm run proof -- receivers [--short]` in `receivers.ts`.
 *
 * Prints a table. Without `--short` each row is the median of three runs, the table goes to `docs/performance.md`, and
 * less than twice Postfix's rate at 20 connections fails. Lost, doubled or unsigned mail always fails. The last line is
 * `N passed, N failed`, a proof being one.
 */
import { Mailbench, type Verdict } from '../test/harness/mailbench.ts';
import { Stage } from '../test/harness/stage.ts';
import { needMailbench, needTools } from '../test/setup/tools.ts';
import { proveHttp } from './http.ts';
import { loadAverage, middleOf } from './page.ts';
import { proveReceivers } from './receivers.ts';
import { type RelayName, starters } from './relays.ts';
import { publish, type Row, tableOf } from './report.ts';
import { usageOf } from './usage.ts';

interface Run {
  readonly relay: RelayName;
  readonly connections: number;
  readonly verdict: Verdict;
  readonly cpu: number | undefined;
  readonly peakMemory: number | undefined;
}

const RELAYS: readonly RelayName[] = ['none', 'Postfix', 'Postfleet'];
const CONNECTIONS = [20, 100];
const FULL = { messages: 20_000, rounds: 3 };
const SHORT = { messages: 4000, rounds: 1 };
const BODY_BYTES = 10_240;
/** What Postfleet's rate must be of Postfix's at 20 connections. */
const LEAST_RATIO = 2;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function measure(relay: RelayName, connections: number, messages: number): Promise<Run> {
  const stage = new Stage();
  let isDone = false;
  try {
    const started = await starters[relay](stage);
    const { port, sink, pid } = started;
    try {
      const before = pid === undefined ? undefined : usageOf(pid);
      const flags = ['-size', String(BODY_BYTES), '-wait', '120s', '-dkim'];
      const verdict = await Mailbench.start(stage, { to: port, sink, messages, connections, flags }).verdict();
      const after = pid === undefined ? undefined : usageOf(pid);
      isDone = true;
      const cpu = before && after && after.cpu - before.cpu;
      return { relay, connections, verdict, cpu, peakMemory: after?.peakMemory };
    } finally {
      await started.stop();
    }
  } finally {
    await stage.end(!isDone);
  }
}

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

async function proveRelay(isShort: boolean): Promise<boolean> {
  needTools('postfix');
  await needMailbench();
  const { messages, rounds } = isShort ? SHORT : FULL;
  const load = loadAverage();
  say(`load average: ${load}`);
  const runs: Run[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const connections of CONNECTIONS) {
      for (const relay of RELAYS) {
        const run = await measure(relay, connections, messages);
        say(`round ${round}, ${connections} connections, ${relay}: ${Math.round(run.verdict.deliverPerSecond)}/s`);
        runs.push(run);
      }
    }
  }
  const rows = rowsOf(runs);
  say(`\n${tableOf(rows)}\n`);
  const command = `mailbench -n ${messages} -c 20|100 -size ${BODY_BYTES} -dkim`;
  if (!isShort) publish(rows, command, load);
  const faults = faultsIn(rows, isShort);
  for (const fault of faults) say(`FAIL ${fault}`);
  return faults.length === 0;
}

const [what, ...flags] = process.argv.slice(2);
const proofs = new Map([
  ['relay', proveRelay],
  ['http', (isShort: boolean) => proveHttp(isShort, say)],
  ['receivers', (isShort: boolean) => proveReceivers(isShort, say)],
]);
const prove = proofs.get(what ?? '');
if (!prove || flags.some((it) => it !== '--short')) {
  process.stderr.write(`usage: npm run proof -- ${[...proofs.keys()].join('|')} [--short]\n`);
  process.exit(2);
}
const isProven = await prove(flags.includes('--short'));
say(isProven ? '1 passed, 0 failed' : '0 passed, 1 failed');
process.exit(isProven ? 0 : 1);
