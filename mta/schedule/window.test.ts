import fc from 'fast-check';
import { expect, test } from 'vitest';
import { connectionsOf, narrowed, NEW_WINDOW, type Window, widened } from './window.ts';

const after = (window: Window, taken: number, most = 1000): Window =>
  Array.from({ length: taken }).reduce<Window>((it) => widened(it, most), window);

test('a new site doubles in a round', () => {
  expect(connectionsOf(after(NEW_WINDOW, 5))).toBe(10);
  expect(connectionsOf(after(NEW_WINDOW, 15))).toBe(20);
});

test('a site that pushed back has half, and then one more a round', () => {
  const half = narrowed(after(NEW_WINDOW, 15), 20);
  expect(connectionsOf(half)).toBe(10);
  expect(connectionsOf(after(half, 11))).toBe(11);
});

test('half is counted from what was open, where that was less', () => {
  expect(connectionsOf(narrowed({ size: 100, isCautious: false }, 8))).toBe(4);
});

test('a window is never below one nor above what is allowed', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 100 })));
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 50 }), (all, most) => {
      let window = NEW_WINDOW;
      for (const [isTaken, open] of all) {
        window = isTaken ? widened(window, most) : narrowed(window, open);
        expect(connectionsOf(window)).toBeGreaterThanOrEqual(1);
        expect(window.size).toBeLessThanOrEqual(Math.max(most, NEW_WINDOW.size));
      }
    }),
  );
});
