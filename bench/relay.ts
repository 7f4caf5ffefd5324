/**
 * `relay`: Postfleet and Postfix on this machine, in this run, in turn, by one yardstick.
 *
 * Three scenes: few connections, many, and many with a sink that takes half a second to say 250. What is asked of
 * Postfleet in each is in `SCENES`; in short only lost, doubled or unsigned mail fails.
 */
import { Mailbench, type Verdict } from '../test/harness/mailbench.ts';
import { needMailbench, needTools } from '../test/setup/tools.ts';
import { middleOf } from './page.ts';
import { type RelayName, starters } from './relays.ts';
import { type Row, tableOf } from './report.ts';
import { type Finding, inTurn, onStage, type Say } from './rounds.ts';
import { usageOf } from './usage.ts';

interface Scene {
  readonly connections: number;
  /** Connections that Postfleet may have to the sink. */
  readonly deliveries: number;
  /** Of each reply of the sink to a final dot. */
  readonly sinkLatency?: string;
  /** What Postfleet's rate must be of Postfix's. */
  readonly leastRatio: number;
  /** What it must be by itself, messages a second. */
  readonly leastRate?: number;
  /** Bytes it may hold at most. */
  readonly mostMemory: number;
}

interface Candidate {
  readonly relay: RelayName;
  readonly scene: Scene;
}

interface Run extends Candidate {
  readonly verdict: Verdict;
  readonly cpu: number | undefined;
  readonly peakMemory: number | undefined;
}

const RELAYS: readonly RelayName[] = ['none', 'Postfix', 'Postfleet'];
const SCENES: readonly Scene[] = [
  { connections: 20, deliveries: 40, leastRatio: 2.5, mostMemory: 300e6 },
  { connections: 100, deliveries: 40, leastRatio: 3, mostMemory: 300e6 },
  // Half a second and 1,500 a second are 750 under way.
  { connections: 100, deliveries: 1000, sinkLatency: '500ms', leastRatio: 1, leastRate: 1500, mostMemory: 600e6 },
];
const CANDIDATES = SCENES.flatMap((scene) => RELAYS.map((relay): Candidate => ({ relay, scene })));
const FULL = { messages: 20_000, rounds: 3 };
const SHORT = { messages: 2000, rounds: 1 };
const BODY_BYTES = 10_240;

const measure = ({ relay, scene }: Candidate, messages: number): Promise<Run> =>
  onStage(async (stage) => {
    const started = await starters[relay](stage, scene.deliveries);
    const { port, sink, pid } = started;
    try {
      const before = pid === undefined ? undefined : usageOf(pid);
      const { connections, sinkLatency } = scene;
      const slow = sinkLatency === undefined ? [] : ['-sinklatency', sinkLatency];
      const flags = ['-size', String(BODY_BYTES), '-wait', '120s', '-dkim', ...slow];
      const verdict = await Mailbench.start(stage, { to: port, sink, messages, connections, flags }).verdict();
      const after = pid === undefined ? undefined : usageOf(pid);
      const cpu = before && after && after.cpu - before.cpu;
      return { relay, scene, verdict, cpu, peakMemory: after?.peakMemory };
    } finally {
      await started.stop();
    }
  });

const describe = ({ connections, sinkLatency }: Scene): string =>
  `${connections} connections${sinkLatency === undefined ? '' : `, the sink takes ${sinkLatency}`}`;

/** The run in the middle by rate, with the worst counts of all. */
function rowOf(runs: readonly Run[], postfix: number): Row {
  const { relay, scene, verdict, cpu, peakMemory } = middleOf(runs, (it) => it.verdict.deliverPerSecond);
  const worst = (count: (verdict: Verdict) => number): number => Math.max(...runs.map((it) => count(it.verdict)));
  return {
    relay,
    connections: scene.connections,
    sinkLatency: scene.sinkLatency ?? '–',
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

const rowsIn = (runs: readonly Run[], scene: Scene): Row[] => {
  const of = (relay: RelayName) => runs.filter((it) => it.relay === relay && it.scene === scene);
  const postfix = rowOf(of('Postfix'), 1).perSecond;
  return RELAYS.map((relay) => rowOf(of(relay), postfix));
};

/** What is wrong with Postfleet's figures in a scene, a sentence each. */
function faultsIn(scene: Scene, rows: readonly Row[], isShort: boolean): string[] {
  const ours = rows.find((it) => it.relay === 'Postfleet');
  if (!ours) return [];
  const { lost, duplicates, unsigned = 0, perSecond, ratio, peakMemory = 0 } = ours;
  const { leastRatio, leastRate = 0, mostMemory } = scene;
  const asked: readonly (readonly [boolean, string])[] = [
    [lost + duplicates + unsigned === 0, `${lost} lost, ${duplicates} doubled, ${unsigned} unsigned`],
    [isShort || ratio >= leastRatio, `${ratio.toFixed(2)} times as fast as Postfix, not ${leastRatio}`],
    [isShort || perSecond >= leastRate, `${perSecond.toFixed(0)} messages/s, not ${leastRate}`],
    [isShort || peakMemory <= mostMemory, `${(peakMemory / 1e6).toFixed(0)} MB, not ${mostMemory / 1e6}`],
  ];
  return asked.flatMap(([holds, what]) => (holds ? [] : [`${describe(scene)}: ${what}`]));
}

export async function measureRelay(isShort: boolean, say: Say): Promise<Finding> {
  needTools('postfix');
  await needMailbench();
  const { messages, rounds } = isShort ? SHORT : FULL;
  const runs = await inTurn(rounds, CANDIDATES, async (candidate, round) => {
    const run = await measure(candidate, messages);
    const who = `${describe(candidate.scene)}, ${candidate.relay}`;
    say(`round ${round}, ${who}: ${Math.round(run.verdict.deliverPerSecond)}/s`);
    return run;
  });
  const found = SCENES.map((scene) => ({ scene, rows: rowsIn(runs, scene) }));
  const command = `mailbench -n ${messages} -c 20|100 -size ${BODY_BYTES} -dkim [-sinklatency 500ms]`;
  const about = `Each row is the median of three\nruns, relays in turn: \`${command}\``;
  const faults = found.flatMap(({ scene, rows }) => faultsIn(scene, rows, isShort));
  return { text: tableOf(found.flatMap((it) => it.rows)), about, faults };
}
