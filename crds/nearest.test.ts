import { expect, it } from 'vitest';
import { nearest, suggestion } from './nearest.ts';

const KNOWN = ['listeners', 'replicas', 'service', 'pods'];

it.each([
  ['listener', 'listeners'],
  ['Listeners', 'listeners'],
  ['replcias', 'replicas'],
  ['pod', 'pods'],
  ['image', undefined],
  ['', undefined],
  ['x'.repeat(100_000), undefined],
])('takes %.20s to mean %s', (word, meant) => {
  expect(nearest(word, KNOWN)).toBe(meant);
});

it('suggests nothing when nothing is near', () => {
  expect(suggestion('serivce', KNOWN)).toBe('; did you mean service?');
  expect(suggestion('hostPath', KNOWN)).toBe('');
});
