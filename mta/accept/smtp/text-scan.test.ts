import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TextScan } from './text-scan.ts';
import { runs } from '../../../test/harness/runs.ts';

it('finds the first byte up to CR at or after any place, wherever in memory the chunk begins', () => {
  const bytes = fc.array(fc.oneof(fc.constantFrom(0, 10, 13, 14, 127, 128, 255), fc.integer({ min: 14, max: 255 })));
  fc.assert(
    fc.property(bytes, fc.nat({ max: 7 }), fc.nat({ max: 40 }), (values, shift, place) => {
      const chunk = Buffer.concat([Buffer.alloc(shift), Buffer.from(values)]).subarray(shift);
      const at = Math.min(place, chunk.length);
      const found = chunk.findIndex((byte, index) => index >= at && byte <= 13);
      expect(new TextScan(chunk).end(at)).toBe(found < 0 ? chunk.length : found);
    }),
    { numRuns: runs(5000) },
  );
});
