/**
 * `take-over-kills`: a worker of a cluster is killed, stopped, or stands still, under steady load, again and again: how long until mail
 * of each shard it had is delivered by another. Asked: nothing is lost, no more goes twice than was in doubt; after a kill 99 of 100
 * shards go on within ten seconds, after SIGTERM within two. Who stood still for a minute and a half does no harm when it goes on.
 *
 * Three workers, one nats-server that syncs always, Redis, source and sink on one machine. A shard counts from the signal to the
 * first delivery, so that who finds out, taking the shard, planning and connecting are all in it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../lib/run/clock.ts';
import { BenchCluster, SHARDS } from '../test/harness/bench-cluster.ts';
import type { Cluster, Role } from '../test/harness/cluster.ts';
import type { Mailbench, Verdict } from '../test/harness/mailbench.ts';
import { SELDOM_MS, until } from '../test/harness/until.ts';
import { needMailbench, needNats, needTools } from '../test/setup/tools.ts';
import { table } from './page.ts';
import { type Finding, onStage, type Say } from './rounds.ts';
import { WorkerLog } from './worker-log.ts';

const FULL = { rounds: 50, stands: 3, standsFor: 90_000 };
const SHORT = { rounds: 3, stands: 1, standsFor: 7000 };
const WORKERS = 3;
const RATE = 160;
const LONGEST_MS = 60_000;

type How = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP';
const MOST_SECONDS: Readonly<Record<How, number>> = { SIGKILL: 10, SIGTERM: 2, SIGSTOP: 10 };

const HOWS = ['SIGKILL', 'SIGTERM', 'SIGSTOP'] as const;

/** Seconds, a shard each. */
type Took = Record<How, number[]>;

interface Run {
  readonly took: Took;
  readonly verdict: Verdict;
}

const measure = ({ rounds, stands, standsFor }: typeof FULL, say: Say): Promise<Run> =>
  onStage(async (stage) => {
    const benched = await BenchCluster.start(stage, { servers: 1, ingresses: 1, workers: WORKERS });
    const { cluster } = benched;
    const load = benched.load({ rate: RATE });
    const logs = cluster.workers.map((it) => new WorkerLog(it, SHARDS));
    const took: Took = { SIGKILL: [], SIGTERM: [], SIGSTOP: [] };
    const ends = Array.from({ length: rounds }, () => ['SIGKILL', 'SIGTERM'] as const).flat();
    for (const how of [...ends, ...Array.from({ length: stands }, () => 'SIGSTOP' as const)]) {
      const seconds = await replaceOne(cluster, logs, load, how, standsFor);
      took[how].push(...seconds);
      say(`${how}: ${seconds.map((it) => it.toFixed(1)).join(', ')} s`);
    }
    load.enough();
    const verdict = await load.verdict();
    await cluster.stop();
    return { took, verdict };
  });

/** The oldest worker ends, and one comes when its shards are others'; or it goes on after a while. */
async function replaceOne(
  cluster: Cluster,
  logs: WorkerLog[],
  load: Mailbench,
  how: How,
  standsFor: number,
): Promise<number[]> {
  await until('every worker has shards', () => areShared(logs), LONGEST_MS, SELDOM_MS);
  const [ending, ...others] = logs.splice(0);
  if (!ending) throw new Error('there is a worker');
  const lost = [...ending.held];
  const since = systemClock.now();
  for (const it of others) it.ask(since);
  end(ending.worker, load, how);
  const firstOf = (shard: number): number => Math.min(...others.map((it) => it.firstOf(shard)));
  await until(
    'mail of all its shards goes',
    () => read(others) && lost.every((it) => firstOf(it) < Infinity),
    LONGEST_MS,
    SELDOM_MS,
  );
  logs.push(...others, how === 'SIGSTOP' ? await goesOn(ending, since + standsFor) : await another(cluster, ending));
  return lost.map((it) => (firstOf(it) - since) / 1000);
}

function end({ program }: Role, load: Mailbench, how: How): void {
  if (how === 'SIGKILL') void program.kill();
  else program.signal(how);
  if (how !== 'SIGTERM') load.noteKill();
}

async function another(cluster: Cluster, { worker }: WorkerLog): Promise<WorkerLog> {
  await worker.program.ended;
  return new WorkerLog(await cluster.addWorker(), SHARDS);
}

/** It knows by itself that what it had is others'. */
async function goesOn(log: WorkerLog, at: number): Promise<WorkerLog> {
  await pause(Math.max(at - systemClock.now(), 0));
  log.worker.program.signal('SIGCONT');
  await until('it knows what it lost', () => read([log]) && log.losses > 0, LONGEST_MS);
  return log;
}

function read(logs: readonly WorkerLog[]): boolean {
  for (const it of logs) it.read();
  return true;
}

const areShared = (logs: readonly WorkerLog[]): boolean =>
  read(logs) && logs.every((it) => it.held.size > 0) && logs.reduce((sum, it) => sum + it.held.size, 0) === SHARDS;

/** Below which so much of a hundred lie. */
function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? NaN;
}

function faultsOf({ took, verdict }: Run, isShort: boolean): string[] {
  const { accepted, lost, duplicates, inDoubt } = verdict;
  const faults = [
    ...(accepted === 0 ? ['nothing was accepted'] : []),
    ...(lost > 0 ? [`${lost} lost`] : []),
    ...(duplicates > inDoubt ? [`${duplicates} doubled, ${inDoubt} were in doubt`] : []),
  ];
  if (isShort) return faults;
  const late = HOWS.filter((it) => !(percentile(took[it], 99) <= MOST_SECONDS[it]));
  return [
    ...faults,
    ...late.map((it) => `after ${it} a shard is another's within ${MOST_SECONDS[it]} s: not 99 of 100`),
  ];
}

function rowOf(how: How, took: Took, times: number): string[] {
  const seconds = [50, 99, 100].map((it) => percentile(took[how], it).toFixed(1));
  return [how, String(times), String(took[how].length), ...seconds];
}

export async function measureTakeOverKills(isShort: boolean, say: Say): Promise<Finding> {
  needTools('redis');
  await Promise.all([needNats(), needMailbench()]);
  const sizes = isShort ? SHORT : FULL;
  const run = await measure(sizes, say);
  const { accepted, lost, duplicates, inDoubt } = run.verdict;
  const text = [
    table(
      ['a worker ends by', 'times', 'shards it had', 'p50 s', 'p99 s', 'longest s'],
      HOWS.map((it) => rowOf(it, run.took, it === 'SIGSTOP' ? sizes.stands : sizes.rounds)),
    ),
    table(['accepted', 'lost', 'doubled', 'in doubt'], [[accepted, lost, duplicates, inDoubt].map(String)]),
  ].join('\n\n');
  const about = `${WORKERS} workers with ${SHARDS} shards under ${RATE} messages a second; from the signal to the first delivery of a shard by another worker`;
  return { text, about, faults: faultsOf(run, isShort) };
}
