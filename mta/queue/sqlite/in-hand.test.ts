import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { slotsInMemory } from '../../../test/harness/slots.ts';
import { InHand, type Slots, slotsIn } from './in-hand.ts';

function aFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'postfleet-in-hand-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'in-hand');
}

test('what was written is found by whoever opens the file next, each message once', () => {
  const path = aFile();
  const first = new InHand(slotsIn(path));
  expect(first.found).toEqual([]);
  for (const message of [7, 8, 7]) first.enter(message);
  first.write();
  // It dies: nothing is closed.
  const second = new InHand(slotsIn(path));
  expect(second.found).toEqual([7, 8]);
  second.begin();
  expect(new InHand(slotsIn(path)).found).toEqual([]);
  first.close();
  second.close();
});

test('a slot is used again, so the file is as large as there was in hand at once', () => {
  const path = aFile();
  const inHand = new InHand(slotsIn(path));
  for (let message = 1; message <= 10_000; message += 1) {
    const slot = inHand.enter(message);
    inHand.write();
    inHand.leave(slot);
  }
  inHand.close();
  expect(readFileSync(path).length).toBeLessThan(40_000);
});

test('what has left is not found after a close, nor after a turn of the loop', async () => {
  const slots = slotsInMemory();
  const inHand = new InHand(slots);
  const [first] = [inHand.enter(1), inHand.enter(2)];
  inHand.write();
  inHand.leave(first);
  expect(new InHand(slots).found).toEqual([1, 2]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(new InHand(slots).found).toEqual([2]);
});

test('what is gone is written with what comes next, and costs no write of its own', async () => {
  const slots = slotsInMemory();
  let writes = 0;
  const write: Slots['write'] = (bytes, at) => {
    writes += 1;
    slots.write(bytes, at);
  };
  const inHand = new InHand({ ...slots, write });
  const first = inHand.enter(1);
  inHand.write();
  inHand.leave(first, true);
  await new Promise((resolve) => setImmediate(resolve));
  expect([writes, new InHand(slots).found]).toEqual([1, [1]]);
  inHand.enter(2);
  inHand.write();
  expect([writes, new InHand(slots).found]).toEqual([2, [2]]);
});

test('whoever enters and leaves, what is found is what is in hand', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ message: fc.integer({ min: 1, max: 2 ** 40 }), leaves: fc.nat(5) })), (steps) => {
      const slots = slotsInMemory();
      const inHand = new InHand(slots);
      inHand.begin();
      const held: { slot: number; message: number }[] = [];
      for (const { message, leaves } of steps) {
        held.push({ slot: inHand.enter(message), message });
        for (const { slot } of held.splice(0, leaves)) inHand.leave(slot);
        inHand.write();
        const expected = new Set(held.map((it) => it.message));
        expect(new Set(new InHand(slots).found)).toEqual(expected);
      }
    }),
  );
});

test('a disk that takes nothing holds up nobody: it is told of once, and what was in hand is written when there is room', () => {
  const slots = slotsInMemory();
  const told: unknown[] = [];
  let isFull = true;
  const write: Slots['write'] = (bytes, at) => {
    if (isFull) throw new Error('ENOSPC');
    slots.write(bytes, at);
  };
  const inHand = new InHand({ ...slots, write }, (thrown) => told.push(thrown));
  inHand.begin();
  for (const message of [1, 2]) {
    inHand.enter(message);
    inHand.write();
  }
  expect(told).toHaveLength(1);
  isFull = false;
  inHand.enter(3);
  inHand.write();
  expect(new InHand(slots).found).toEqual([1, 2, 3]);
});

test('a file of any bytes is read, and taken over', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const slots = slotsInMemory();
      slots.write(Buffer.from(bytes), 0);
      const inHand = new InHand(slots);
      expect(inHand.found.every((it) => Number.isSafeInteger(it) && it > 0)).toBe(true);
      inHand.begin();
      inHand.enter(3);
      inHand.write();
      expect(new InHand(slots).found).toEqual([3]);
    }),
  );
});
