/**
 * `slow-disk`: what the event loop notices of a disk whose fsync takes 20 ms. Asked: its delay's p99 stays under 10 ms.
 *
 * Two Postfleets in turn at the same rate, one on a disk that is as quick as memory and one on the slow disk. A machine
 * with other work delays both: then the slow one may be half as slow again as the quick one.
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

interface Run {
  readonly disk: Disk;
  readonly p99: number;
  readonly verdict: Verdict;
}

const measure = (disk: Disk, messages: number): Promise<Run> =>
  onStage(async (stage) => {
    const config = await ConfigFolder.from(stage, 'bench');
    const { submission: to, receiver: sink } = config.ports;
    const data = (await ForgetfulDisk.mount(stage, ['-syncdelay', disk.delay])).path;
    const fleet = await Postfleet.start(stage, config, { data });
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
    const verdict = await load(messages).verdict();
    const p99 = Number(await inspector.evaluate(P99_MS)) - RESOLUTION_MS;
    inspector.close();
    await fleet.stop();
    return { disk, p99, verdict };
  });

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
    return [
      disk.name,
      p99Of(disk).toFixed(1),
      latency.toFixed(0),
      String(of.reduce((sum, it) => sum + it.verdict.lost, 0)),
    ];
  });
  const isHeld = slow < Math.max(MOST_MS, MOST_RATIO * quick);
  return {
    text: table(['disk', "p99 of the event loop's delay, ms", 'p50 of delivery, ms', 'lost'], rows),
    about: `${messages} messages at ${RATE}/s each, the middle of ${rounds}`,
    faults: isHeld
      ? []
      : [`the event loop's p99 is ${slow.toFixed(1)} ms on the slow disk, ${quick.toFixed(1)} on the quick one`],
  };
}
