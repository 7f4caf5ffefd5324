import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MinHeap } from './heap.ts';

test('what went in comes out in order of its key', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (keys) => {
      const heap = new MinHeap<number>();
      for (const key of keys) heap.push(key, key);
      expect(heap.first).toBe(keys.length > 0 ? Math.min(...keys) : Infinity);
      const out = keys.map(() => heap.pop());
      expect(out).toEqual(keys.toSorted((a, b) => a - b));
      expect(heap.pop()).toBeUndefined();
    }),
  );
});
