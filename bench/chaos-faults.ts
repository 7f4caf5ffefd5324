/**
 * What `chaos` does to the processes of a cluster under load, one at a time, and that all is well again: every shard is held, the
 * nats-servers are one, mail goes.
 *
 * Whatever is killed is started again on what it had; what stands still goes on after a while that chance says.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../lib/run/random.ts';
import { type BenchCluster, noteDoubts } from '../test/harness/bench-cluster.ts';
import type { Role } from '../test/harness/cluster.ts';
import type { Mailbench } from '../test/harness/mailbench.ts';
import { SELDOM_MS, until } from '../test/harness/until.ts';

const TARGETS = ['ingress', 'worker', 'NATS leader', 'Redis'] as const;
const HOWS = ['SIGKILL', 'SIGSTOP'] as const;

export interface Fault {
  readonly target: (typeof TARGETS)[number];
  readonly how: (typeof HOWS)[number];
}

export const FAULTS: readonly Fault[] = TARGETS.flatMap((target) => HOWS.map((how) => ({ target, how })));

/** Shorter than it takes to be taken for dead, and longer. */
const STANDS_MS = [1000, 9000] as const;
const LONGEST_MS = 120_000;
/** Recipients that are enough to say that mail goes. */
const GOES = 20;

/** Under what, and by whose choice. */
export interface Struck {
  readonly bench: BenchCluster;
  readonly load: Mailbench;
  readonly random: Random;
}

/** So many in an order of chance: each kind comes once before any comes again. */
export function drawn(count: number, random: Random): Fault[] {
  const faults: Fault[] = [];
  while (faults.length < count) {
    const left = [...FAULTS];
    while (left.length > 0) faults.push(...left.splice(Math.floor(random.fraction() * left.length), 1));
  }
  return faults.slice(0, count);
}

/** Resolves when it is undone: what was struck runs again. */
export function strike(fault: Fault, struck: Struck): Promise<void> {
  const { cluster } = struck.bench;
  if (fault.target === 'Redis') return strikeRedis(fault, struck);
  if (fault.target === 'NATS leader') return strikeLeader(fault, struck);
  return strikeRole(
    fault,
    struck,
    oneOf(fault.target === 'worker' ? cluster.workers : cluster.ingresses, struck.random),
  );
}

async function strikeRole({ how }: Fault, { bench, load, random }: Struck, role: Role): Promise<void> {
  const killed = how === 'SIGKILL' ? role.program.kill() : role.program.signal('SIGSTOP');
  // Who only takes mail has sent nothing.
  if (role.role === 'worker') load.noteKill();
  await killed;
  if (how === 'SIGKILL') return void (await bench.cluster.startAgain(role));
  await pause(standsFor(random));
  role.program.signal('SIGCONT');
}

async function strikeLeader({ how }: Fault, { bench, load, random }: Struck): Promise<void> {
  const { nats } = bench.cluster;
  const at = await nats.leader();
  if (how === 'SIGKILL') {
    const killed = nats.kill(at);
    load.noteKill();
    await killed;
    return nats.restart(at);
  }
  nats.freeze(at);
  await Promise.all([noteDoubts(load), pause(standsFor(random))]);
  nats.thaw(at);
  return nats.ready();
}

async function strikeRedis({ how }: Fault, { bench, random }: Struck): Promise<void> {
  const { redis } = bench.cluster;
  if (how === 'SIGKILL') {
    await redis.kill();
    return redis.startAgain();
  }
  redis.freeze();
  await pause(standsFor(random));
  redis.thaw();
}

/** Resolves when everybody does what he is there for. */
export async function allIsWell({ cluster }: BenchCluster): Promise<void> {
  await cluster.nats.ready();
  await cluster.allShardsHeld(LONGEST_MS);
  const before = await cluster.delivered();
  await until('mail goes', async () => (await cluster.delivered()) > before + GOES, LONGEST_MS, SELDOM_MS);
}

function oneOf<T>(all: readonly T[], random: Random): T {
  const one = all[Math.floor(random.fraction() * all.length)];
  if (one === undefined) throw new Error('there is one');
  return one;
}

function standsFor(random: Random): number {
  const [least, most] = STANDS_MS;
  return Math.round(least + random.fraction() * (most - least));
}
