/**
 * `blocked`: a cluster in which a million messages wait for one site that takes none: what that costs the mail for others, and
 * how fast they leave when the site opens.
 *
 * One ingress, one worker, one nats-server that syncs always. Others' mail is measured in windows before, while they wait, and
 * after; the drain beside that of a site for which few wait, opened in the same way. What is asked of it: `blocked-report.ts`.
 */
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH, BenchCluster } from '../test/harness/bench-cluster.ts';
import { metricOf } from '../test/harness/cluster.ts';
import { CountingSink } from '../test/harness/counting-sink.ts';
import { Mailbench, wrongIn } from '../test/harness/mailbench.ts';
import { freePorts } from '../test/harness/ports.ts';
import type { Stage } from '../test/harness/stage.ts';
import { until } from '../test/harness/until.ts';
import { needMailbench, needNats, needTools } from '../test/setup/tools.ts';
import { faultsOf, type Form, type Measured, PACE, reportOf, type Window } from './blocked-report.ts';
import { type Drain, drain, PATIENCE_MS } from './drain.ts';
import { inMegabytes } from './page.ts';
import { type Finding, onStage, type Say } from './rounds.ts';
import { usageOf } from './usage.ts';
import { putWaiting, routeOf } from './waiting.ts';

const FULL: Form = { waiting: 1_000_000, few: 20_000, rounds: 5, fast: 5000, paced: 4000, isJudged: true };
const SHORT: Form = { waiting: 20_000, few: 3000, rounds: 1, fast: 1000, paced: 500, isJudged: false };
const SHARDS = 64;
const CONNECTIONS = 20;
const MANY = 'many.test';
const FEW = 'few.test';

const measure = (form: Form, say: Say): Promise<Measured> =>
  onStage(async (stage) => {
    const [many = 0, few = 0] = await freePorts(2);
    const bench = await BenchCluster.start(stage, {
      config: configWith(stage, { [MANY]: many, [FEW]: few }),
      servers: 1,
      ingresses: 1,
      workers: 1,
      shards: SHARDS,
    });
    const windows = async (when: string): Promise<Window[]> => {
      const all = await windowsOf(stage, bench, form, (line) => say(`${when}: ${line}`));
      say(`${when}: peaks of ${peaksOf(bench).map(inMegabytes).join(' and ')} MB`);
      return all;
    };
    await windows('warm');
    const before = await windows('before');
    await fill(bench, FEW, form.few, say);
    const fewDrain = await open(stage, bench, { domain: FEW, port: few, messages: form.few });
    say(`${form.few} have left at ${Math.round(fewDrain.perSecond)}/s`);
    await fill(bench, MANY, form.waiting, say);
    const beside = await windows('beside them');
    const manyDrain = await open(stage, bench, { domain: MANY, port: many, messages: form.waiting });
    say(`${form.waiting} have left at ${Math.round(manyDrain.perSecond)}/s`);
    const after = await windows('after');
    const peaks = peaksOf(bench);
    await bench.cluster.stop();
    return { before, beside, after, few: fewDrain, many: manyDrain, peaks };
  });

/** Bytes, of the ingress and of the worker. */
const peaksOf = ({ cluster }: BenchCluster): number[] => cluster.roles.map((it) => usageOf(it.program.pid).peakMemory);

function configWith(stage: Stage, ports: Readonly<Record<string, number>>): string {
  const config = stage.folder('resources');
  cpSync(BENCH, config, { recursive: true });
  for (const [domain, port] of Object.entries(ports))
    writeFileSync(join(config, `6-${domain}.yaml`), routeOf(domain, port));
  return config;
}

/** Resolves when the worker knows of all of them. */
async function fill({ cluster, worker }: BenchCluster, domain: string, messages: number, say: Say): Promise<void> {
  const begun = performance.now();
  await putWaiting(cluster.nats, SHARDS, messages, () => domain);
  const seconds = (performance.now() - begun) / 1000;
  const areKnown = async (): Promise<boolean> => (await metricOf(worker, 'postfleet_queue_depth')) >= messages;
  await until('they wait', areKnown, PATIENCE_MS, 500);
  say(`${messages} wait for ${domain}, put in ${seconds.toFixed(0)} s`);
}

async function windowsOf(stage: Stage, bench: BenchCluster, form: Form, say: Say): Promise<Window[]> {
  const windows: Window[] = [];
  for (let round = 0; round < form.rounds; round += 1) {
    const fast = await load(stage, bench, form.fast, []);
    const paced = await load(stage, bench, form.paced, ['-rate', String(PACE)]);
    const window = {
      perSecond: fast.deliverPerSecond,
      p99ms: paced.p99ms,
      wrong: wrongIn(fast) + wrongIn(paced),
    };
    say(`${Math.round(window.perSecond)}/s; at ${PACE}/s a p99 of ${Math.round(window.p99ms)} ms`);
    windows.push(window);
  }
  return windows;
}

function load(stage: Stage, { ports, sink }: BenchCluster, messages: number, more: readonly string[]) {
  const flags = ['-size', '2048', '-dkim', '-wait', '120s', '-linger', '1s', '-domains', '100:d%d.test', ...more];
  return Mailbench.start(stage, { to: ports, sink, messages, connections: CONNECTIONS, flags }).verdict();
}

interface Site {
  readonly domain: string;
  readonly port: number;
  readonly messages: number;
}

/** Opens the site; resolves when all that waited has come. */
async function open(stage: Stage, { worker }: BenchCluster, { domain, port, messages }: Site): Promise<Drain> {
  const sink = await CountingSink.start(stage, port);
  return drain(sink, messages, worker, ['--domain', domain]);
}

export async function measureBlocked(isShort: boolean, say: Say): Promise<Finding> {
  needTools('redis');
  await Promise.all([needNats(), needMailbench()]);
  const form = isShort ? SHORT : FULL;
  const measured = await measure(form, say);
  const about = `Medians of ${form.rounds} windows\nof ${form.fast} messages of 2 KB, and of ${form.paced} at ${PACE} a second, over 100 domains; what waits is 1 KB each, all of it counted when it leaves`;
  return { text: reportOf(measured, form), about, faults: faultsOf(measured, form) };
}
