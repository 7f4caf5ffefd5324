import { expect, test } from 'vitest';
import { SourceChoice } from './source.ts';

const source = (name: string, weight: number) => ({ name, weight, address: '', ehloName: 'mail.example.com' });
const order = (choice: SourceChoice, sources: ReturnType<typeof source>[], turns: number) =>
  Array.from({ length: turns }, () => choice.next(sources)?.name).join(' ');

test('sources take turns by weight, spread out', () => {
  expect(order(new SourceChoice(), [source('a', 5), source('b', 1), source('c', 1)], 7)).toBe('a a b a c a a');
});

test('a source without weight is never chosen', () => {
  expect(order(new SourceChoice(), [source('a', 0), source('b', 1)], 3)).toBe('b b b');
  expect(new SourceChoice().next([source('a', 0)])).toBeUndefined();
  expect(new SourceChoice().next([])).toBeUndefined();
});

test('a source that comes back does not make up for its absence', () => {
  const choice = new SourceChoice();
  const both = [source('a', 1), source('b', 1)];
  order(choice, both, 4);
  order(choice, [source('b', 1)], 100);
  expect(order(choice, both, 4).split(' ').toSorted()).toEqual(['a', 'a', 'b', 'b']);
});
