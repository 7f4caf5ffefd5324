/**
 * The queue's first promise, by a real kill: when `put` resolves the message is there after any end of the process.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';
import { openQueue } from './queue-file.ts';

const scene = openScene();
const loop = fileURLToPath(new URL('put-loop.ts', import.meta.url));

test('every message whose put had resolved is there, whole, after six kills at any moment', async () => {
  const folder = scene.folder('queue');
  const printed: string[] = [];
  for (let round = 1; round <= 6; round += 1) {
    const putting = scene.start('put-loop', process.execPath, [loop, folder]);
    await until('it puts', () => putting.stdout.length > 0 || putting.exit !== undefined);
    await pause(randomInt(1, 150));
    await putting.kill();
    expect(putting.exit).toEqual({ code: null, signal: 'SIGKILL' });
    printed.push(...putting.stdout.split('\n').filter((line) => line.length === 26));
  }
  expect(printed.length).toBeGreaterThan(100);

  const opened = await openQueue(folder);
  const { queue } = opened;
  const missing: string[] = [];
  for (const id of printed) if ((await queue.list({ message: id }, 3)).length !== 2) missing.push(id);
  expect(missing).toEqual([]);
  // What was put but not yet printed may be there too; each message is there for both recipients or for none.
  const depths = queue.depth().map((it) => it.depth);
  expect(depths).toHaveLength(2);
  expect(new Set(depths).size).toBe(1);
  expect(depths[0]).toBeGreaterThanOrEqual(printed.length);
  await opened.close();
});
