import { expect, onTestFinished, test, vi } from 'vitest';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import type { Attempted } from './dialogue.ts';
import { HeldAddresses } from './held-addresses.ts';
import { bind } from './plumbing.ts';

const failed = (outcome: 'unbound' | 'exhausted'): Attempted => ({ kind: 'failed', code: 1, outcome });

function looking() {
  const clock = new FakeClock();
  const machine = new Map<string, Attempted>();
  const declared = new Set(['192.0.2.2', '192.0.2.1']);
  const told = vi.fn();
  const held = new HeldAddresses({
    clock,
    declared: () => declared,
    bind: async (address) => machine.get(address) ?? failed('unbound'),
  });
  held.onChange(told);
  onTestFinished(() => held.close());
  const look = async (): Promise<readonly string[]> => {
    await vi.waitFor(() => expect(clock.timers).toBe(1));
    clock.advance(seconds(5));
    await vi.waitFor(() => expect(clock.timers).toBe(1));
    return held.current;
  };
  const put = (address: string, is: Attempted = { kind: 'done', place: { address, port: 0 } }) =>
    void machine.set(address, is);
  return { clock, held, declared, put, look, told };
}

test('an address that comes to the machine, or leaves it, is told within five seconds', async () => {
  const { put, look, told } = looking();
  expect(await look()).toEqual([]);
  put('192.0.2.2');
  put('192.0.2.1');
  expect(await look()).toEqual(['192.0.2.1', '192.0.2.2']);
  expect(await look()).toHaveLength(2);
  expect(told).toHaveBeenCalledTimes(1);
  put('192.0.2.1', failed('unbound'));
  expect(await look()).toEqual(['192.0.2.2']);
  expect(told).toHaveBeenCalledTimes(2);
});

test('only what is declared is looked at', async () => {
  const { put, look, declared } = looking();
  for (const it of ['192.0.2.1', '192.0.2.3']) put(it);
  expect(await look()).toEqual(['192.0.2.1']);
  declared.delete('192.0.2.1');
  expect(await look()).toEqual([]);
});

test('a machine that has no ports left loses none of its addresses', async () => {
  const { put, look } = looking();
  put('192.0.2.1');
  await look();
  for (const it of ['192.0.2.1', '192.0.2.2']) put(it, failed('exhausted'));
  expect(await look()).toEqual(['192.0.2.1']);
});

test('nothing is looked at, and no timer is left, once it is closed', async () => {
  const { clock, held, look } = looking();
  await look();
  await held.close();
  expect(clock.timers).toBe(0);
});

test('loopback is held, an address of documentation is not', async () => {
  const held = new HeldAddresses({
    clock: new FakeClock(),
    declared: () => new Set(['127.0.0.9', '192.0.2.1']),
    bind,
  });
  onTestFinished(() => held.close());
  await vi.waitFor(() => expect(held.current).toEqual(['127.0.0.9']));
});
