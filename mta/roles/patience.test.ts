import { expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Fault } from '#lib/run/fault.ts';
import { patiently } from './patience.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function start(code: string, failures: number) {
  const clock = new FakeClock();
  const world = { clock, log: { warn: () => (told += 1) } };
  let [tries, told, end] = [0, 0, ''];
  const open = async (): Promise<string> => {
    if ((tries += 1) <= failures) throw new Fault(code, 'no answer');
    return 'open';
  };
  patiently(open, world).then(
    (it) => (end = it),
    () => (end = 'failed'),
  );
  return { pass: async (seconds: number) => pass(clock, seconds), state: () => [tries, told, end] };
}

async function pass(clock: FakeClock, seconds: number): Promise<void> {
  for (let at = 0; at <= seconds; at += 1) {
    await turn();
    clock.advance(1000);
  }
}

test('servers that do not answer yet are asked again every second', async () => {
  const { pass: wait, state } = start('nats-failed', 3);
  await wait(5);
  expect(state()).toEqual([4, 3, 'open']);
});

test('after half a minute the start fails', async () => {
  const { pass: wait, state } = start('nats-failed', 1000);
  await wait(40);
  expect(state()).toEqual([31, 30, 'failed']);
});

test('what waiting does not change fails at once', async () => {
  const { pass: wait, state } = start('nats-not-durable', 1);
  await wait(1);
  expect(state()).toEqual([1, 0, 'failed']);
});
