/**
 * `slow-disk`: what the event loop notices of a disk whose fsync takes 20 ms. Asked: its delay's p99 stays under 10 ms,
 * and no mail makes its thread call fsync: the disk counts who does.
 *
 * Two Postfleets in turn at the same rate, one on a disk that is as quick as memory and one on the slow disk. A machine
 * with other work delays both: then the slow one may be half as slow again as the quick one. In short only the calls, and
 * lost mail, fail.
 */
import { ConfigFolder } from '../test/harness/config.ts';
import { ForgetfulDisk } from '../test/harness/forgetful-disk.ts';
import { Inspector } from '../test/harness/inspector.ts';
import { Mailbench, type Verdict } from '../test/harness/mailbench.ts';
import { Postfleet } from '../test/harness/postfleet.ts';
import { needForgetful, needMailbench } from '../test/setup/tools.ts';
import { median, table } from './page.ts';
import { type Finding, inTurn, onStage, type Say } from './rounds.ts';

const DISKS = [
  { name: 'fsync at once', delay: '0s' },
  { name: 'fsync in 20 ms', delay: '20ms' },
] as const;
type Disk = (typeof DISKS)[number];

const FULL = { messages: 8000, rounds: 3 };
const SHORT = { messages: 3000, rounds: 1 };
const RATE = 200;
const CONNECTIONS = 20;
const MOST_MS = 10;
const MOST_RATIO = 1.5;

/** The timer that measures is itself a millisecond long. */
const RESOLUTION_MS = 1;
const WATCH = `(globalThis.watchedDelay = process.getBuiltinModule('perf_hooks').monitorEventLoopDelay({ resolution: ${RESOLUTION_MS} })).enable()`;
const P99_MS = 'watchedDelay.percentile(99) / 1e6';

type Syncs = ReadonlyMap<number, number>;

interface Run {
  readonly disk: Disk;
  readonly p99: number;
  /** Calls of fsync while mail went through: those of the event loop's thread, those of all. */
  readonly syncs: { readonly loop: number; readonly all: number };
  readonly verdict: Verdict;
}

const HEAD = [
  'disk',
  "p99 of the event loop's delay, ms",
  'p50 of delivery, ms',
  'calls of fsync',
  "from the event loop's thread",
  'lost',
];

const measure = (disk: Disk, messages: number): Promise<Run> =>
  onStage(async (stage) => {
    const config = await ConfigFolder.from(stage, 'bench');
    const { submission: to, receiver: sink } = config.ports;
    const mounted = await ForgetfulDisk.mount(stage, ['-syncdelay', disk.delay]);
    const fleet = await Postfleet.start(stage, config, { data: mounted.path });
    const load = (count: number): Mailbench =>
      Mailbench.start(stage, {
        to,
        sink,
        messages: count,
        connections: CONNECTIONS,
        flags: ['-rate', String(RATE), '-linger', '0s'],
      });
    // What runs for the first time is slow.
    await load(messages / 4).verdict();
    const inspector = await Inspector.open(fleet.program);
    await inspector.evaluate(WATCH);
    const before = await mounted.syncs();
    const verdict = await load(messages).verdict();
    const p99 = Number(await inspector.evaluate(P99_MS)) - RESOLUTION_MS;
    const syncs = syncsSince(before, await mounted.syncs(), fleet.program.pid);
    inspector.close();
    await fleet.stop();
    return { disk, p99, syncs, verdict };
  });

/** A process' first thread, which runs its event loop, has the number of the process. */
function syncsSince(before: Syncs, after: Syncs, loop: number): Run['syncs'] {
  const since = new Map([...after].map(([thread, times]) => [thread, times - (before.get(thread) ?? 0)]));
  return { loop: since.get(loop) ?? 0, all: [...since.values()].reduce((sum, it) => sum + it, 0) };
}

function faultsIn(runs: readonly Run[], quick: number, slow: number, isShort: boolean): string[] {
  const late = !isShort && slow >= Math.max(MOST_MS, MOST_RATIO * quick);
  return [
    ...runs
      .filter((it) => it.syncs.loop > 0 || it.syncs.all === 0)
      .map((it) => `${it.disk.name}: ${JSON.stringify(it.syncs)} calls of fsync`),
    ...runs.filter((it) => it.verdict.lost > 0).map((it) => `${it.disk.name}: ${it.verdict.lost} lost`),
    ...(late
      ? [`the event loop's p99 is ${slow.toFixed(1)} ms on the slow disk, ${quick.toFixed(1)} on the quick one`]
      : []),
  ];
}

export async function measureSlowDisk(isShort: boolean, say: Say): Promise<Finding> {
  await needMailbench();
  await needForgetful();
  const { messages, rounds } = isShort ? SHORT : FULL;
  const runs = await inTurn(rounds, DISKS, async (disk, round) => {
    const run = await measure(disk, messages);
    say(`round ${round}, ${disk.name}: p99 ${run.p99.toFixed(1)} ms`);
    return run;
  });
  const p99Of = (disk: Disk): number => median(runs.filter((it) => it.disk === disk).map((it) => it.p99));
  const [quick = NaN, slow = NaN] = DISKS.map(p99Of);
  const rows = DISKS.map((disk) => {
    const of = runs.filter((it) => it.disk === disk);
    const latency = median(of.map((it) => it.verdict.p50ms));
    const sum = (figure: (run: Run) => number): string => String(of.reduce((all, it) => all + figure(it), 0));
    return [
      disk.name,
      p99Of(disk).toFixed(1),
      latency.toFixed(0),
      sum((it) => it.syncs.all),
      sum((it) => it.syncs.loop),
      sum((it) => it.verdict.lost),
    ];
  });
  return {
    text: table(HEAD, rows),
    about: `${messages} messages at ${RATE}/s each, the middle of ${rounds}`,
    faults: faultsIn(runs, quick, slow, isShort),
  };
}
