/**
 * Processes that take mail and processes that send it, on real nats-servers and Redis: nothing is lost when some of them are
 * killed, and nothing goes twice when one is stopped. Judged from outside by mailbench.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { BenchCluster, SHARDS } from '../harness/bench-cluster.ts';
import type { Cluster, Role } from '../harness/cluster.ts';
import type { Verdict } from '../harness/mailbench.ts';
import { openScene } from '../harness/scene.ts';
import { SmtpClient } from '../harness/smtp-client.ts';
import { SELDOM_MS, until } from '../harness/until.ts';

const scene = openScene();

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const judged = ({ accepted, unique, lost, duplicates, inDoubt }: Verdict): string =>
  `${accepted} accepted, ${unique} came, ${lost} lost, ${duplicates} doubled, ${inDoubt} in doubt`;

const mailGoes = (cluster: Cluster, messages: number): Promise<unknown> =>
  until('mail goes', async () => (await cluster.delivered()) > messages, 60_000, SELDOM_MS);

async function standStill(worker: Role | undefined, milliseconds: number): Promise<void> {
  worker?.program.signal('SIGSTOP');
  await pause(milliseconds);
  worker?.program.signal('SIGCONT');
}

/** What a sender hears at MAIL; asked some times a second. */
async function answerTo(port: number): Promise<string> {
  await pause(200);
  const client = await SmtpClient.open(port);
  const reply = await client.say('MAIL FROM:<hello@example.com>');
  await client.say('QUIT');
  return reply;
}

test('a worker and one of three nats-servers are killed under load: nothing is lost, and only what was in doubt goes twice', async () => {
  const benched = await BenchCluster.start(scene, { servers: 3, ingresses: 2, workers: 3 });
  const { cluster } = benched;
  const bench = benched.load({ rate: 120, messages: 2400, linger: '8s' });
  await mailGoes(cluster, 200);
  const before = performance.now();
  const killed = cluster.workers[0]?.program.kill();
  bench.noteKill();
  await killed;
  await cluster.allShardsHeld();
  say(`every shard was held again after ${Math.round(performance.now() - before)} ms`);
  await cluster.nats.kill(1);
  const verdict = await bench.verdict();
  say(judged(verdict));
  expect(verdict.lost).toBe(0);
  // Some are put off while the servers find a new leader.
  expect(verdict.accepted).toBeGreaterThan(1000);
  expect(verdict.duplicates).toBeLessThanOrEqual(verdict.inDoubt);
  await cluster.stop();
}, 240_000);

test('a worker is stopped and one comes under load, while another stands still for seconds: nothing goes twice; without NATS new mail is put off until it is back', async () => {
  const benched = await BenchCluster.start(scene, { servers: 1, ingresses: 2, workers: 2 });
  const { cluster } = benched;
  const bench = benched.load({ rate: 120, messages: 1500, linger: '2s' });
  await mailGoes(cluster, 200);
  const [stopped, other] = cluster.workers;
  const stopping = performance.now();
  stopped?.program.signal('SIGTERM');
  await until('the other has all', async () => (await cluster.shardsHeld(other ? [other] : [])) === SHARDS, 30_000);
  say(`every shard was held by the other ${Math.round(performance.now() - stopping)} ms after SIGTERM`);
  await stopped?.program.ended;
  await cluster.addWorker();
  // Who comes hears nothing of it for a while, and may not take it for dead.
  await standStill(other, 3000);
  const verdict = await bench.verdict();
  say(judged(verdict));
  expect([verdict.accepted, verdict.lost, verdict.duplicates]).toEqual([1500, 0, 0]);

  const port = cluster.ingresses[1]?.ports['submission'] ?? 0;
  expect(await answerTo(port)).toMatch(/^250/);
  const cut = performance.now();
  await cluster.nats.kill(0);
  await until('mail is put off', async () => (await answerTo(port)).startsWith('451'), 30_000);
  say(`new mail was put off ${Math.round(performance.now() - cut)} ms after NATS was killed`);
  await cluster.nats.restart(0);
  await until('mail is taken', async () => (await answerTo(port)).startsWith('250'), 30_000);
  await cluster.stop();
}, 240_000);
