import { getPriority } from 'node:os';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { yieldToEventLoop } from './priority.ts';

test.runIf(process.platform === 'linux')('the threads of the pool become nicer, the event loop does not', async () => {
  const before = getPriority();
  await readFile(import.meta.filename);
  const count = yieldToEventLoop(3);
  expect(count).toBeGreaterThan(0);
  const pool = readdirSync('/proc/self/task').filter(
    (it) => readFileSync(`/proc/self/task/${it}/comm`, 'utf8').trim() === 'libuv-worker',
  );
  expect(pool.map((it) => getPriority(Number(it)))).toEqual(pool.map(() => 3));
  expect(getPriority()).toBe(before);
});
