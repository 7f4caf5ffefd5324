import { expect, test } from 'vitest';
import type { FieldSpan } from './canonical.ts';
import { signedFieldsOf } from './signed-fields.ts';

const spans = (...names: string[]): FieldSpan[] => names.map((name, at) => ({ name, start: at, end: at + 1 }));
const tagOf = (...names: string[]): string => signedFieldsOf(spans(...names)).tag.join('');

test('fields of one name are signed from the bottom up, once for each that is there and once for one that is not', () => {
  const { places } = signedFieldsOf(spans('received', 'from', 'sender', 'from', 'x-a'));
  expect(places).toEqual([3, 1, 2]);
  expect(tagOf('received', 'from', 'sender', 'from', 'x-a')).toMatch(/^ h=from:from:from: ?to:.*:sender;$/);
});

test('every list differs where fields do, however many there were before', () => {
  for (let count = 0; count < 200; count += 1) {
    const names = Array.from({ length: count }, () => 'references');
    expect(tagOf('from', ...names).match(/references/g)?.length ?? 0).toBe(count);
  }
  expect(tagOf('from')).not.toContain('references');
});

test('lines fit into 76 columns and begin with their only space', () => {
  const { tag } = signedFieldsOf(spans('from', 'to', ...Array.from({ length: 20 }, () => 'list-unsubscribe-post')));
  expect(tag.length).toBeGreaterThan(6);
  for (const line of tag) {
    expect(line).toMatch(/^ \S+$/);
    expect(line.length).toBeLessThanOrEqual(76);
  }
});
