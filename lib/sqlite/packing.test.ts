import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Packer, Unpacker } from './packing.ts';
import type { Unit } from './protocol.ts';

const value = fc.oneof(fc.string(), fc.double(), fc.constant(null), fc.uint8Array());
const statement = fc.record({ sql: fc.constantFrom('A', 'B', 'C'), params: fc.array(value) });
const unit: fc.Arbitrary<Unit> = fc.record(
  { unless: statement, statements: fc.array(statement) },
  { requiredKeys: ['statements'] },
);

test('what is unpacked is what was packed, batch after batch, and a text crosses once', () => {
  fc.assert(
    fc.property(fc.array(fc.array(unit)), (batches) => {
      const [packer, unpacker] = [new Packer(), new Unpacker()];
      const packed = batches.map((it) => structuredClone(packer.pack(it)));
      expect(packed.map((it) => unpacker.unpack(it))).toEqual(batches);
      const texts = packed.flatMap((it) => it.texts);
      expect(new Set(texts).size).toBe(texts.length);
    }),
  );
});
