/**
 * The first promise of the queue on NATS, by real kills: when `put` resolves the message is there, whoever ends how.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { systemClock } from '#lib/run/clock.ts';
import { newName, openQueue } from '../harness/jetstream.ts';
import { Nats } from '../harness/nats.ts';
import type { Program } from '../harness/program.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
const loop = fileURLToPath(new URL('put-loop-nats.ts', import.meta.url));

const printedBy = (it: Program): string[] => it.stdout.split('\n').filter((line) => line.length === 26);

test('every message whose put had resolved is there, whole, after kills of who put it and of the server', async () => {
  const nats = await Nats.start(scene);
  const name = newName();
  const [[server = ''], [monitor = '']] = [nats.urls, nats.monitors];
  const printed: string[] = [];
  for (let round = 1; round <= 6; round += 1) {
    const putting = scene.start('put-loop', process.execPath, [loop, server, monitor, name]);
    await until('it puts', () => putting.stdout.length > 0 || putting.exit !== undefined, 20_000);
    await pause(randomInt(1, 150));
    if (round % 2 === 0) {
      await nats.kill(0);
      await nats.restart(0);
      const before = printedBy(putting).length;
      await until('it puts again', () => printedBy(putting).length > before, 30_000);
    }
    await putting.kill();
    expect(putting.exit).toEqual({ code: null, signal: 'SIGKILL' });
    printed.push(...printedBy(putting));
  }
  expect(printed.length).toBeGreaterThan(100);

  const { queue, close } = await openQueue(nats, name, systemClock);
  const claim = await queue.claim(0);
  const missing: string[] = [];
  for (const id of printed) if ((await queue.list({ message: id }, 3)).length !== 2) missing.push(id);
  expect(missing).toEqual([]);
  // What was put but not yet printed may be there too; each message is there for both recipients or for none.
  const depths = queue.depth().map((it) => it.depth);
  expect(depths).toHaveLength(2);
  expect(new Set(depths).size).toBe(1);
  const [lease] = await queue.lease(claim, 'default default/main one.test', 1, 60_000);
  expect(lease?.message.raw.length).toBeGreaterThanOrEqual(1000);
  await close();
});
