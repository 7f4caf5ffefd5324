import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

test('turns are given in order, as many at once as there are', () => {
  const begun: string[] = [];
  const turns = new Turns(2);
  const take = (name: string) => turns.take(() => void begun.push(name));
  const leave = ['a', 'b', 'c', 'd'].map(take);
  expect(begun).toEqual(['a', 'b']);
  leave[1]?.();
  expect(begun).toEqual(['a', 'b', 'c']);
  leave[0]?.();
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
});

test('who stops waiting is passed over', () => {
  const begun: string[] = [];
  const turns = new Turns(1);
  const [first, second] = ['a', 'b', 'c'].map((name) => turns.take(() => void begun.push(name)));
  second?.();
  first?.();
  expect(begun).toEqual(['a', 'c']);
});
