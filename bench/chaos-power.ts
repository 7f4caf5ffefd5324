/**
 * Power that fails under all nats-servers of a cluster at once, again and again, under load: what was not synced is forgotten or
 * torn. The processes that take and send mail live on.
 *
 * The disk keeps names as ext4 and XFS do; nats-server leaves that to them (decision 42).
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../lib/run/random.ts';
import { BenchCluster, noteDoubts } from '../test/harness/bench-cluster.ts';
import { ForgetfulDisk } from '../test/harness/forgetful-disk.ts';
import type { Mailbench, Verdict } from '../test/harness/mailbench.ts';
import { dropProbes } from '../test/harness/nats-probes.ts';
import { allIsWell } from './chaos-faults.ts';
import { onStage } from './rounds.ts';

const SERVERS = [0, 1, 2];
const RATE = 80;
const LONGEST_PAUSE_MS = 3000;

export interface Power {
  readonly cuts: number;
  /** Writes that were forgotten or torn. */
  readonly forgotten: number;
  readonly verdict: Verdict;
}

/** `sync` as nats-server has it; `isKept`: so that all is well after each cut. */
export const cutPower = (cuts: number, sync: string, isKept: boolean, random: Random): Promise<Power> =>
  onStage(async (stage) => {
    const seed = String(Math.floor(random.fraction() * 1e6));
    const disk = await ForgetfulDisk.mount(stage, ['-journal', '-seed', seed]);
    const sizes = { servers: SERVERS.length, ingresses: 1, workers: 2 };
    const bench = await BenchCluster.start(stage, { ...sizes, disk: { folder: disk.path, sync } });
    const load = bench.load({ rate: RATE, into: 'all' });
    let forgotten = 0;
    for (let cut = 1; cut <= cuts; cut += 1) {
      await allIsWell(bench);
      await pause(random.fraction() * LONGEST_PAUSE_MS);
      forgotten += await cutAll(disk, bench, load);
    }
    if (isKept) await allIsWell(bench);
    load.enough();
    const verdict = await load.verdict();
    if (isKept) await bench.cluster.stop();
    return { cuts, forgotten, verdict };
  });

async function cutAll(disk: ForgetfulDisk, { cluster: { nats } }: BenchCluster, load: Mailbench): Promise<number> {
  const cutting = disk.cut();
  const noting = noteDoubts(load);
  await Promise.all(SERVERS.map((it) => nats.kill(it)));
  const { writes, torn } = await cutting;
  await noting;
  await disk.mount();
  dropProbes(disk.path);
  await Promise.all(SERVERS.map((it) => nats.restart(it)));
  return writes + torn;
}
