/**
 * `chaos`: a whole cluster under steady load, and what goes wrong in one: processes that are killed or stand still, all of them
 * replaced one after another, power that fails under all nats-servers. Asked: nothing is lost; no more goes twice than was in doubt
 * at the sink; of a restart in order, nothing.
 *
 * Three nats-servers that sync always, Redis, two processes that take mail and three that send it (where power is cut, one and two),
 * source and sink on one machine.
 * What happens when is drawn from a seed, which is printed: `CHAOS_SEED` draws it again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Random, seededRandom, systemRandom } from '../lib/run/random.ts';
import { BenchCluster } from '../test/harness/bench-cluster.ts';
import type { Cluster, Role } from '../test/harness/cluster.ts';
import type { Verdict } from '../test/harness/mailbench.ts';
import { needForgetful, needMailbench, needNats, needTools } from '../test/setup/tools.ts';
import { allIsWell, drawn, type Fault, FAULTS, strike } from './chaos-faults.ts';
import { cutPower, type Power } from './chaos-power.ts';
import { median, table } from './page.ts';
import { type Finding, onStage, type Say } from './rounds.ts';

const FULL = { rounds: 200, restarts: 3, cuts: 10, unsynced: true };
const SHORT = { rounds: 10, restarts: 1, cuts: 1, unsynced: false };
const SIZES = { servers: 3, ingresses: 2, workers: 3 };
const RATE = 80;
const LONGEST_PAUSE_MS = 1500;
/** What nats-server does unless it is told otherwise. */
const DEFAULT_SYNC = '"2m"';

/** Seconds from what was done until all was well. */
interface Struck {
  readonly fault: Fault;
  readonly seconds: number;
}

interface Judged {
  readonly run: Run;
  readonly struck: readonly Struck[];
}

interface Run {
  readonly what: string;
  readonly times: number;
  readonly verdict: Verdict;
  /** Doubled mail is forgiven as far as it was in doubt. */
  readonly forgives: boolean;
}

async function strikeAgain(bench: BenchCluster, rounds: number, random: Random, say: Say): Promise<Judged> {
  const load = bench.load({ rate: RATE, into: 'all' });
  const struck: Struck[] = [];
  await allIsWell(bench);
  for (const [at, fault] of drawn(rounds, random).entries()) {
    await pause(random.fraction() * LONGEST_PAUSE_MS);
    const seconds = await timed(async () => {
      await strike(fault, { bench, load, random });
      await allIsWell(bench);
    });
    struck.push({ fault, seconds });
    say(`${at + 1}: ${fault.how} of ${fault.target}: all is well after ${seconds.toFixed(1)} s`);
  }
  load.enough();
  const verdict = await load.verdict();
  return { run: { what: 'killed, or stood still', times: rounds, verdict, forgives: true }, struck };
}

async function restartAll(bench: BenchCluster, restarts: number, say: Say): Promise<Run> {
  const load = bench.load({ rate: RATE, into: 'all' });
  await allIsWell(bench);
  for (let restart = 1; restart <= restarts; restart += 1) {
    const seconds = await timed(() => restartEach(bench));
    say(`everything was restarted within ${seconds.toFixed(1)} s`);
  }
  load.enough();
  const verdict = await load.verdict();
  return { what: 'everything restarted in order', times: restarts, verdict, forgives: false };
}

/** Both on one cluster, each with a source and a sink of its own. */
const onOneCluster = ({ rounds, restarts }: typeof FULL, random: Random, say: Say) =>
  onStage(async (stage) => {
    const bench = await BenchCluster.start(stage, SIZES);
    const { run, struck } = await strikeAgain(bench, rounds, random, say);
    const restarted = await restartAll(bench, restarts, say);
    await bench.cluster.stop();
    return { runs: [run, restarted], struck };
  });

/** One after the other, each when all is well. */
async function restartEach(bench: BenchCluster): Promise<void> {
  const { cluster } = bench;
  for (const role of cluster.roles) {
    await replace(cluster, role);
    await allIsWell(bench);
  }
  for (let at = 0; at < SIZES.servers; at += 1) {
    await cluster.nats.stop(at);
    await cluster.nats.restart(at);
    await allIsWell(bench);
  }
  await cluster.redis.stop();
  await cluster.redis.startAgain();
  await allIsWell(bench);
}

async function replace(cluster: Cluster, role: Role): Promise<void> {
  const { code } = await role.program.stop();
  if (code !== 0) throw new Error(`a stop ended with ${code}, saying:\n${role.program.stderr}`);
  await cluster.startAgain(role);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
}

const runOf = (what: string, { cuts, forgotten, verdict }: Power): Run => ({
  what: `${what}, ${forgotten} writes forgotten or torn`,
  times: cuts,
  verdict,
  forgives: true,
});

function faultsOf({ what, verdict, forgives }: Run): string[] {
  const { accepted, lost, duplicates, inDoubt } = verdict;
  const most = forgives ? inDoubt : 0;
  return [
    ...(accepted === 0 ? [`${what}: nothing was accepted`] : []),
    ...(lost > 0 ? [`${what}: ${lost} lost`] : []),
    ...(duplicates > most ? [`${what}: ${duplicates} doubled, ${most} may be`] : []),
  ];
}

const tellRun = ({ what, times, verdict }: Run): string[] => {
  const { accepted, lost, duplicates, inDoubt, refused } = verdict;
  return [what, ...[times, accepted, refused, lost, duplicates, inDoubt].map(String)];
};

function tellFault({ target, how }: Fault, all: readonly Struck[]): string[] {
  const seconds = all.filter(({ fault }) => fault.target === target && fault.how === how).map((it) => it.seconds);
  return [`${how} of ${target}`, String(seconds.length), median(seconds).toFixed(1), Math.max(...seconds).toFixed(1)];
}

const seedOf = (): number => Number(process.env['CHAOS_SEED'] ?? Math.floor(systemRandom.fraction() * 1e9));

export async function measureChaos(isShort: boolean, say: Say): Promise<Finding> {
  needTools('redis');
  await Promise.all([needNats(), needMailbench(), needForgetful()]);
  const form = isShort ? SHORT : FULL;
  const seed = seedOf();
  say(`CHAOS_SEED=${seed}`);
  const random = seededRandom(seed);
  const { runs, struck } = await onOneCluster(form, random, say);
  const kept = await cutPower(form.cuts, 'always', true, random);
  const judged = [...runs, runOf('power cut under all nats-servers', kept)];
  const shown = form.unsynced
    ? [runOf('the same with the default `sync_interval`', await cutPower(1, DEFAULT_SYNC, false, random))]
    : [];
  const text = [
    table(
      ['what happened', 'times', 'accepted', 'put off', 'lost', 'doubled', 'in doubt'],
      [...judged, ...shown].map(tellRun),
    ),
    table(
      ['what was done', 'times', 'all is well after s (middle)', 'longest s'],
      FAULTS.map((it) => tellFault(it, struck)),
    ),
  ].join('\n\n');
  const about = `Three nats-servers, Redis, ${SIZES.ingresses} ingresses and ${SIZES.workers} workers on one machine, some ${RATE} messages a second; seed ${seed}. All is well\nwhen every shard is held and mail goes; what stood still did so for one to nine seconds of it`;
  return { text, about, page: 'reliability.md', faults: judged.flatMap(faultsOf) };
}
