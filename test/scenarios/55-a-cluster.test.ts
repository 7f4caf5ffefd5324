/**
 * Processes that take mail and processes that send it, on real nats-servers and Redis: nothing is lost when one of them is
 * killed, and nothing goes twice when one is stopped. Judged from outside by mailbench.
 */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Cluster } from '../harness/cluster.ts';
import { Mailbench, type Verdict } from '../harness/mailbench.ts';
import { freePorts } from '../harness/ports.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
const BENCH = fileURLToPath(new URL('../../examples/bench', import.meta.url));
const SHARDS = 16;

/** Everything is routed to a port of our own. */
async function openCluster(servers: number, workers: number): Promise<{ cluster: Cluster; sink: number }> {
  const [sink = 0, ...listening] = await freePorts(7);
  const listeners = [2525, 2465, 8080];
  const cluster = await Cluster.start(scene, {
    config: BENCH,
    servers,
    ingresses: 2,
    workers,
    portOf: (port, ingress) => listening[ingress * 3 + listeners.indexOf(port)] ?? 0,
    spec: { shards: SHARDS },
    routedTo: sink,
  });
  return { cluster, sink };
}

const MANY = ['-domains', '100:d%d.test', '-spread', '200', '-linger', '15s', '-wait', '90s'];

function load(cluster: Cluster, sink: number, messages: number, ...flags: string[]): Mailbench {
  const to = cluster.ingresses[0]?.ports['submission'] ?? 0;
  return Mailbench.start(scene, { to, sink, messages, connections: 10, flags: ['-size', '2048', ...MANY, ...flags] });
}

const judged = ({ accepted, unique, lost, duplicates, inDoubt }: Verdict): string =>
  `${accepted} accepted, ${unique} came, ${lost} lost, ${duplicates} doubled, ${inDoubt} in doubt`;

test('a worker is killed under load: the others take its shards, nothing is lost, and only what was in doubt goes twice', async () => {
  const { cluster, sink } = await openCluster(1, 3);
  const bench = load(cluster, sink, 3000, '-rate', '150');
  const [first, second] = cluster.workers;
  await until('mail goes', async () => (await cluster.delivered()) > 300, 60_000);
  const before = performance.now();
  await first?.program.kill();
  bench.noteKill();
  await cluster.allShardsHeld();
  const taken = performance.now() - before;
  await second?.program.stop();
  await cluster.allShardsHeld();
  const verdict = await bench.verdict();
  process.stdout.write(`${judged(verdict)}; every shard was held again after ${Math.round(taken)} ms\n`);
  expect(verdict.lost).toBe(0);
  expect(verdict.accepted).toBeGreaterThan(2900);
  expect(verdict.duplicates).toBeLessThanOrEqual(verdict.inDoubt);
  await cluster.stop();
}, 240_000);
