import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Filter } from './filter.ts';

test('what was added may be there, however much was added before and after', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 300 }), fc.nat(100), (texts, expected) => {
      const filter = new Filter(expected);
      for (const text of texts) filter.add(text);
      expect(texts.every((it) => filter.mayHold(it))).toBe(true);
    }),
  );
});

test('an empty one holds nothing', () => {
  expect(new Filter().mayHold('a@b.test')).toBe(false);
});

test.each([
  ['made for as many', 50_000, 0.002],
  ['grown from nothing', 0, 0.01],
])('what was not added is seldom taken for it, by one %s', (_, expected, most) => {
  const filter = new Filter(expected);
  for (let at = 0; at < 50_000; at += 1) filter.add(`user${at}@example.com`);
  let wrong = 0;
  for (let at = 0; at < 50_000; at += 1) if (filter.mayHold(`other${at}@example.com`)) wrong += 1;
  expect(wrong / 50_000).toBeLessThan(most);
});
