/**
 * `cluster`: mail through a process that takes it and one that sends it, with the queue on NATS and limits on Redis, and through
 * Postfix, which signs nothing, on this machine, in this run, in turn.
 *
 * One nats-server, and three of which each keeps everything; each syncs what it answers for. The ratios that are asked are beside
 * those that were measured, and are not all reached: only lost, doubled or unsigned mail fails.
 */
import { BenchCluster } from '../test/harness/bench-cluster.ts';
import { Mailbench, type Verdict } from '../test/harness/mailbench.ts';
import type { Stage } from '../test/harness/stage.ts';
import { needMailbench, needNats, needTools } from '../test/setup/tools.ts';
import { middleOf, table } from './page.ts';
import { starters } from './relays.ts';
import { type Finding, inTurn, onStage, type Say } from './rounds.ts';
import { type Usage, usageOf } from './usage.ts';

/** As by default. */
const SHARDS = 64;
const FULL = { messages: 20_000, rounds: 3 };
const SHORT = { messages: 2000, rounds: 1 };
const BODY_BYTES = 10_240;

interface Scene {
  readonly connections: number;
  /** nats-servers; none: it is Postfix. */
  readonly servers: number;
  /** What its rate must be of Postfix's at as many connections. */
  readonly leastRatio: number;
}

const SCENES: readonly Scene[] = [
  { connections: 20, servers: 0, leastRatio: 0 },
  { connections: 20, servers: 1, leastRatio: 1.5 },
  { connections: 100, servers: 0, leastRatio: 0 },
  { connections: 100, servers: 1, leastRatio: 2.5 },
  { connections: 100, servers: 3, leastRatio: 2 },
];

/** What a part of a relay has used, with all it started. */
type Parts = ReadonlyMap<string, Usage>;

interface Started {
  readonly to: number;
  readonly sink: number;
  readonly pids: ReadonlyMap<string, readonly number[]>;
  readonly stop: () => Promise<void>;
}

interface Run {
  readonly scene: Scene;
  readonly verdict: Verdict;
  readonly used: Parts;
}

interface Row extends Run {
  readonly ratio: number;
  /** The worst of all runs. */
  readonly lost: number;
  readonly duplicates: number;
  readonly unsigned: number;
}

const nameOf = ({ servers }: Scene): string =>
  servers === 0 ? 'Postfix, unsigned' : `ingress, worker, ${servers} nats-server${servers > 1 ? 's, R3' : ''}; signed`;

async function startCluster(stage: Stage, servers: number): Promise<Started> {
  const { cluster, ports, sink } = await BenchCluster.start(stage, {
    servers,
    ingresses: 1,
    workers: 1,
    shards: SHARDS,
  });
  const pids = new Map([
    ['ingress', cluster.ingresses.map((it) => it.program.pid)],
    ['worker', cluster.workers.map((it) => it.program.pid)],
    ['NATS', cluster.nats.processes.map((it) => it.pid)],
    ['Redis', [cluster.redis.pid]],
  ]);
  return { to: ports[0] ?? 0, sink, pids, stop: () => cluster.stop() };
}

async function startPostfix(stage: Stage): Promise<Started> {
  const relay = await starters.Postfix(stage);
  const { port: to, sink, pid = 0 } = relay;
  return { to, sink, pids: new Map([['all of it', [pid]]]), stop: () => relay.stop() };
}

const measure = (scene: Scene, messages: number): Promise<Run> =>
  onStage(async (stage) => {
    const started = await (scene.servers === 0 ? startPostfix(stage) : startCluster(stage, scene.servers));
    const { to, sink, pids, stop } = started;
    try {
      const before = usedBy(pids);
      const flags = ['-size', String(BODY_BYTES), '-wait', '120s', '-dkim'];
      const { connections } = scene;
      const verdict = await Mailbench.start(stage, { to, sink, messages, connections, flags }).verdict();
      return { scene, verdict, used: since(before, usedBy(pids)) };
    } finally {
      await stop();
    }
  });

const usedBy = (pids: Started['pids']): Parts =>
  new Map([...pids].map(([name, of]) => [name, of.map(usageOf).reduce(sumOf, { cpu: 0, peakMemory: 0 })]));

const sumOf = (a: Usage, b: Usage): Usage => ({ cpu: a.cpu + b.cpu, peakMemory: a.peakMemory + b.peakMemory });

const since = (before: Parts, after: Parts): Parts =>
  new Map([...after].map(([name, it]) => [name, { ...it, cpu: it.cpu - (before.get(name)?.cpu ?? 0) }]));

const rateOf = ({ verdict }: Run): number => verdict.deliverPerSecond;

/** The run in the middle by rate, with the worst counts of all. */
function rowOf(scene: Scene, all: readonly Run[]): Row {
  const of = (wanted: Scene): Run[] => all.filter((it) => it.scene === wanted);
  const postfix = SCENES.find((it) => it.servers === 0 && it.connections === scene.connections) ?? scene;
  const runs = of(scene);
  const worst = (count: (verdict: Verdict) => number): number => Math.max(...runs.map((it) => count(it.verdict)));
  const middle = middleOf(runs, rateOf);
  return {
    ...middle,
    ratio: rateOf(middle) / rateOf(middleOf(of(postfix), rateOf)),
    lost: worst((it) => it.lost + it.refused + it.unknown),
    duplicates: worst((it) => it.duplicates),
    unsigned: worst((it) => it.unsigned ?? it.delivered),
  };
}

function faultsOf({ scene, lost, duplicates, unsigned }: Row): string[] {
  if (scene.servers === 0 || lost + duplicates + unsigned === 0) return [];
  const name = `${nameOf(scene)}, ${scene.connections} connections`;
  return [`${name}: ${lost} lost, ${duplicates} doubled, ${unsigned} unsigned`];
}

const HEAD = [
  'relay',
  'connections',
  'messages/s',
  'to Postfix',
  'asked',
  'lost',
  'doubled',
  'p50 ms',
  'p99 ms',
  'MB',
  'CPU s per 1,000',
];

const askedOf = ({ leastRatio }: Scene): string => (leastRatio > 0 ? `${leastRatio} ×` : '–');

function cellsOf({ scene, verdict, used, ratio, lost, duplicates }: Row): string[] {
  const memory = [...used.values()].reduce((sum, it) => sum + it.peakMemory, 0) / 1e6;
  const cpu = [...used].map(([name, it]) => `${name} ${((it.cpu * 1000) / verdict.unique).toFixed(2)}`);
  const counts = [lost, duplicates, Math.round(verdict.p50ms), Math.round(verdict.p99ms), Math.round(memory)].map(
    String,
  );
  const rates = [String(Math.round(verdict.deliverPerSecond)), `${ratio.toFixed(2)} ×`, askedOf(scene)];
  return [nameOf(scene), String(scene.connections), ...rates, ...counts, cpu.join(', ')];
}

export async function measureCluster(isShort: boolean, say: Say): Promise<Finding> {
  needTools('postfix', 'redis');
  await Promise.all([needNats(), needMailbench()]);
  const { messages, rounds } = isShort ? SHORT : FULL;
  const runs = await inTurn(rounds, SCENES, async (scene, round) => {
    const run = await measure(scene, messages);
    say(`round ${round}, ${nameOf(scene)}, ${scene.connections} connections: ${Math.round(rateOf(run))}/s`);
    return run;
  });
  const rows = SCENES.map((it) => rowOf(it, runs));
  const about = `Each row is the median of ${rounds}\nruns, relays in turn: \`mailbench -n ${messages} -c 20|100 -size ${BODY_BYTES} -dkim\`; ${SHARDS} shards, Redis; MB and CPU of all processes together`;
  return { text: table(HEAD, rows.map(cellsOf)), about, faults: rows.flatMap(faultsOf) };
}
