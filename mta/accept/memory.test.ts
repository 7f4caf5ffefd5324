import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReceivingMemory } from './memory.ts';

const MIB = 1024 * 1024;
const open = (mebibytes = 100): ReceivingMemory => new ReceivingMemory(() => mebibytes * MIB);

/** How much a sender gets, a mebibyte at a time. */
function fill(memory: ReceivingMemory, ...sharers: string[]): number {
  let taken = 0;
  while (memory.hold(() => sharers).resize(MIB)) taken += 1;
  return taken;
}

describe('memory for mail on its way in', () => {
  it('is shared: what one holds another cannot have', () => {
    const memory = open();
    const [first, second] = [memory.hold(() => ['a']), memory.hold(() => ['b'])];
    expect(first.resize(50 * MIB)).toBe(true);
    expect(second.resize(26 * MIB)).toBe(false);
    expect(second.resize(25 * MIB)).toBe(true);
    expect(first.resize(1000)).toBe(true);
    expect(memory.used).toBe(25 * MIB + 1000);
  });

  it('given back twice is given back once', () => {
    const memory = open();
    const hold = memory.hold(() => ['a']);
    memory.hold(() => ['a']).resize(7);
    hold.resize(50_000);
    hold.release();
    hold.release();
    expect(memory.used).toBe(7);
    expect(memory.hasRoom(['a'])).toBe(true);
  });

  it('is never all of one sender: a credential alone gets half, a tenant four fifths', () => {
    const memory = open();
    expect(fill(memory, 'tenant shop', 'credential shop.app')).toBe(50);
    expect(memory.hasRoom(['tenant shop', 'credential shop.app'])).toBe(false);
    const [more, yetMore] = [fill(memory, 'tenant shop', 'credential shop.two'), fill(memory, 'tenant shop', 'three')];
    expect(50 + more + yetMore).toBeLessThanOrEqual(80);
    for (let name = 4; name < 100; name += 1) fill(memory, 'tenant shop', String(name));
    expect(memory.used / MIB).toBe(80);
    expect(fill(memory, 'tenant other', 'credential other.app')).toBe(10);
  });

  it('is one for many connections of a sender, whatever the sender does', () => {
    const memory = open();
    for (let connection = 0; connection < 1000; connection += 1) memory.hold(() => ['a']).resize(MIB);
    expect(memory.fill).toBe(0.5);
    expect(memory.hasRoom(['b'])).toBe(true);
  });

  it('counts for whoever the sender was when it was taken', () => {
    const memory = open();
    let who = 'address 192.0.2.1';
    const hold = memory.hold(() => [who]);
    hold.resize(50 * MIB);
    who = 'credential default.app';
    expect(memory.hasRoom(['address 192.0.2.1'])).toBe(false);
    hold.release();
    expect(memory.hasRoom(['address 192.0.2.1'])).toBe(true);
  });

  it('is never more than the limit, never negative, and all there when everybody has left', () => {
    const step = fc.record({ hold: fc.nat(9), bytes: fc.nat(40 * MIB), ends: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const memory = open();
        const holds = Array.from({ length: 10 }, (_, at) => memory.hold(() => [`t${at % 2}`, `c${at % 5}`]));
        for (const { hold, bytes, ends } of steps) {
          if (ends) holds[hold]?.release();
          else holds[hold]?.resize(bytes);
          expect(memory.used).toBeGreaterThanOrEqual(0);
          expect(memory.fill).toBeLessThanOrEqual(1);
        }
        for (const hold of holds) hold.release();
        expect(memory.used).toBe(0);
        expect(memory.hasRoom(['t0', 'c0'])).toBe(true);
      }),
    );
  });
});
