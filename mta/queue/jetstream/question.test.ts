import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyText } from '../../../test/harness/any-text.ts';
import { decodeQuestion, decodeRows, encodeQuestion, encodeRows, type Question } from './question.ts';

const word = anyText({ maxLength: 20 });
const question: fc.Arbitrary<Question> = fc.oneof(
  fc.record({
    kind: fc.constant('cancel' as const),
    cancelling: fc.record({ tenant: word, message: word, by: word }),
  }),
  fc.constant({ kind: 'depth' as const }),
  fc.record({ kind: fc.constant('list' as const), selection: fc.record({ tenant: word }), max: fc.nat() }),
  fc.record({
    kind: fc.constant('move' as const),
    selection: fc.record({ lane: word }),
    move: fc.record({ kind: fc.constant('reroute' as const), pool: word }),
  }),
);

test('a question is read as it was asked', () => {
  fc.assert(
    fc.property(question, (it) => {
      expect(decodeQuestion(encodeQuestion(it))).toEqual(it);
    }),
  );
});

test('what is no question of this release is refused, and says what to do', () => {
  for (const text of ['', '{', '{"v":2,"kind":"depth"}', 'null'])
    expect(() => decodeQuestion(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'question-unknown' }));
});

test('rows cross as they are, in parts that the server takes', () => {
  const row = fc.record({ message: word, index: fc.nat(), padding: fc.nat(3000).map((it) => 'x'.repeat(it)) });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 400 }), (rows) => {
      const parts = encodeRows(rows);
      expect(decodeRows(parts)).toEqual(rows);
      for (const it of parts) expect(it.length).toBeLessThan(600_000);
    }),
    { numRuns: 20 },
  );
  expect(decodeRows(encodeRows([0, 17]))).toEqual([0, 17]);
});
