/**
 * A worker that stands still under load, and one whose wire to NATS is held up: others take what they had, and what they still say of it
 * when they are back is refused. Judged from outside by mailbench.
 */
import { expect, test } from 'vitest';
import { BenchCluster, noteDoubts, SHARDS } from '../harness/bench-cluster.ts';
import type { Role } from '../harness/cluster.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';
import { Wire } from '../harness/wire.ts';

const scene = openScene();

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const lostBy = ({ program }: Role): number => program.stdout.split('"step":"lost"').length - 1;

test('of workers that stood still or were cut off others take all, and they do no more than was in doubt', async () => {
  const benched = await BenchCluster.start(scene, { servers: 1, ingresses: 1, workers: 1 });
  const { cluster } = benched;
  const wire = await Wire.open(scene, cluster.nats.processes[0]?.port ?? 0);
  const [still] = cluster.workers;
  const wired = await cluster.addWorker([wire.url]);
  if (!still) throw new Error('there is a worker');
  const bench = benched.load({ rate: 80, connections: 5 });
  const holdsAll = (worker: Role) => async () => (await cluster.shardsHeld([worker])) === SHARDS;
  const holdsSome = (worker: Role) => async () => (await cluster.shardsHeld([worker])) > 0;
  await until('both have shards', async () => (await holdsSome(wired)()) && (await cluster.delivered()) > 100, 60_000);

  still.program.signal('SIGSTOP');
  bench.noteKill();
  await until('the other has all', holdsAll(wired), 60_000);
  still.program.signal('SIGCONT');
  await until('it knows what it lost', () => lostBy(still) > 0, 60_000);

  wire.part();
  await noteDoubts(bench);
  await until('the other has all', holdsAll(still), 60_000);
  wire.join();
  await until('it knows what it lost', () => lostBy(wired) > 0, 60_000);

  bench.enough();
  const { accepted, lost, duplicates, inDoubt } = await bench.verdict();
  say(`${accepted} accepted, ${lost} lost, ${duplicates} doubled, ${inDoubt} in doubt`);
  say(
    `${lostBy(still)} shards of the one that stood still and ${lostBy(wired)} of the one that was cut off were another's`,
  );
  expect(lost).toBe(0);
  expect(accepted).toBeGreaterThan(500);
  expect(duplicates).toBeLessThanOrEqual(inDoubt);
  await cluster.stop();
}, 240_000);
