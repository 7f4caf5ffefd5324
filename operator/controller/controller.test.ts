import { expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Fields, Log } from '#lib/run/log.ts';
import { metricsPage } from '#lib/run/metrics.ts';
import { othersTurn } from '#lib/run/turn.ts';
import { openController, watchControllers } from './controller.ts';

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await othersTurn();
};

function stage() {
  const clock = new FakeClock();
  const lines: Fields[] = [];
  const log: Log = {
    info: () => undefined,
    warn: (message, fields) => void lines.push({ message, ...fields }),
    error: () => undefined,
    flush: async () => undefined,
  };
  let leads = true;
  const looks: string[] = [];
  const reconcile = async (key: string) => {
    looks.push(key);
    if (key === 'mail/bad') throw new Fault('kube-busy', 'The API server is busy.');
    return { kind: 'done' } as const;
  };
  const isLeading = (): boolean => leads;
  const queue = openController({ name: 'ippool', reconcile }, { clock, log, isLeading });
  watchControllers({ ippool: queue }, isLeading);
  return { clock, queue, lines, looks, end: () => void (leads = false) };
}

test('a look that fails is told, counted under the names that dashboards know, and tried again', async () => {
  const { clock, queue, lines, looks } = stage();
  queue.add('mail/bad');
  queue.add('mail/good');
  await settle();
  clock.advance(5);
  await settle();
  expect(looks).toEqual(['mail/bad', 'mail/good', 'mail/bad']);
  expect(lines[0]).toEqual({
    message: 'a resource could not be reconciled',
    controller: 'ippool',
    key: 'mail/bad',
    code: 'kube-busy',
    reason: 'The API server is busy.',
  });
  const { text } = await metricsPage();
  for (const line of [
    'controller_runtime_reconcile_total{controller="ippool",result="error"} 2',
    'controller_runtime_reconcile_total{controller="ippool",result="success"} 1',
    'controller_runtime_reconcile_errors_total{controller="ippool"} 2',
    'workqueue_retries_total{name="ippool"} 2',
    'workqueue_depth{name="ippool"} 0',
    'controller_runtime_max_concurrent_reconciles{controller="ippool"} 4',
    'leader_election_master_status 1',
  ])
    expect(text).toContain(`${line}\n`);
  await queue.close();
});

test('who leads no more does nothing more', async () => {
  const { queue, looks, end } = stage();
  end();
  queue.add('mail/good');
  await settle();
  expect(looks).toEqual([]);
});

test('looks that have nothing to wait for let everything else have its turn', async () => {
  const { queue, looks } = stage();
  for (let at = 0; at < 100; at += 1) queue.add(`mail/${at}`);
  const seen: number[] = [];
  while (looks.length < 100 && seen.length < 200) {
    await othersTurn();
    seen.push(looks.length);
  }
  expect(Math.max(...seen.map((it, at) => it - (seen[at - 1] ?? 0)))).toBeLessThanOrEqual(4);
  await queue.close();
});
