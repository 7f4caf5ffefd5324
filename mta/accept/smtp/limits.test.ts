import { expect, it } from 'vitest';
import { ReceivingMemory } from './limits.ts';

it('memory is shared: what one holds another cannot have', () => {
  const memory = new ReceivingMemory(() => 100_000);
  const [first, second] = [memory.hold(), memory.hold()];
  expect(first.resize(60_000)).toBe(true);
  expect(memory.hasRoom()).toBe(false);
  expect(second.resize(40_001)).toBe(false);
  expect(second.resize(40_000)).toBe(true);
  expect(first.resize(1000)).toBe(true);
  expect(memory.used).toBe(41_000);
});

it('memory given back twice is given back once', () => {
  const memory = new ReceivingMemory(() => 100_000);
  const hold = memory.hold();
  memory.hold().resize(7);
  hold.resize(50_000);
  hold.release();
  hold.release();
  expect(memory.used).toBe(7);
  expect(memory.hasRoom()).toBe(true);
});
