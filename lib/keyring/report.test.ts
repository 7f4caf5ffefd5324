import { expect, onTestFinished, test, vi } from 'vitest';
import type { Kube, KubeObject, KubeWritten } from '#lib/kube/kube.ts';
import { minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { PodReport } from '#lib/kube/pod-report.ts';
import { KEYRING_REPORT, keyringWord, REPORTS_KEYRING } from './report.ts';

function report(answers: (KubeWritten | Error)[] = []) {
  const told: KubeObject[] = [];
  const failures: unknown[] = [];
  const apply: Kube['apply'] = async (_, object) => {
    told.push(object);
    const answer = answers.shift() ?? { kind: 'written', object };
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const listeners = new Set<() => void>();
  let revisions = new Map([['dkim/00.json', 'one']]);
  const keyring = {
    revisions: () => revisions,
    onChange: (listener: () => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const clock = new FakeClock();
  const pod = { namespace: 'mail', name: 'main-worker-1', uid: 'u' };
  const failed = (thrown: unknown): void => void failures.push(thrown);
  const it = new PodReport({ ...keyringWord(keyring), kube: { apply }, clock, pod, labels: REPORTS_KEYRING, failed });
  onTestFinished(() => it.close());
  const change = (revision: string): void => {
    revisions = new Map([['dkim/00.json', revision]]);
    for (const listener of listeners) listener();
  };
  const said = (): unknown[] => told.map(({ metadata }) => metadata.annotations?.[KEYRING_REPORT]);
  return { it, clock, change, told, said, failures, listeners };
}

test('a pod tells what it has loaded, and tells it again after each change and every ten minutes', async () => {
  const { clock, change, told, said } = report();
  await vi.waitFor(() => expect(said()).toEqual(['{"dkim/00.json":"one"}']));
  expect(told[0]?.metadata).toMatchObject({
    name: 'main-worker-1',
    labels: { 'postfleet.io/reports': 'keyring' },
    ownerReferences: [{ kind: 'Pod', uid: 'u' }],
  });
  change('two');
  await vi.waitFor(() => expect(said()).toHaveLength(2));
  expect(said()[1]).toBe('{"dkim/00.json":"two"}');
  await vi.waitFor(() => expect(clock.timers).toBe(1));
  clock.advance(minutes(10));
  await vi.waitFor(() => expect(said()).toHaveLength(3));
});

test('changes that come while one is told are told at once, in one word', async () => {
  const { change, said } = report();
  for (const revision of ['two', 'three', 'four']) change(revision);
  await vi.waitFor(() => expect(said().at(-1)).toBe('{"dkim/00.json":"four"}'));
  expect(said().length).toBeLessThanOrEqual(2);
});

test('what could not be told is told later, after growing pauses', async () => {
  const conflict = { kind: 'conflict', message: '' } as const;
  const { clock, said, failures } = report([new Error('down'), conflict]);
  await vi.waitFor(() => expect(clock.timers).toBe(1));
  expect(failures).toHaveLength(1);
  clock.advance(seconds(1));
  await vi.waitFor(() => expect(failures).toHaveLength(2));
  await vi.waitFor(() => expect(clock.timers).toBe(1));
  clock.advance(seconds(1));
  expect(said()).toHaveLength(2);
  clock.advance(seconds(1));
  await vi.waitFor(() => expect(said()).toHaveLength(3));
  expect(failures).toHaveLength(2);
});

test('nothing is told, and no timer is left, once it is closed', async () => {
  const { it, clock, change, said, listeners } = report();
  await vi.waitFor(() => expect(clock.timers).toBe(1));
  await it.close();
  await it.close();
  change('two');
  expect([said().length, clock.timers, listeners.size]).toEqual([1, 0, 0]);
});
