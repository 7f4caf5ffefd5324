import { expect, test } from 'vitest';
import { IdlePlaces } from './idle-places.ts';

test('who has been idle for longest under a name is found by each of its names, until it is not idle any more', () => {
  const places = new IdlePlaces<string>();
  places.add('a', ['all', 'site a']);
  places.add('b', ['all', 'site b']);
  places.add('a', ['all', 'site c']);
  expect(['all', 'site a', 'site b', 'site c'].map((it) => places.first(it))).toEqual(['a', 'a', 'b', undefined]);
  places.remove('a');
  places.remove('nobody');
  expect(['all', 'site a', 'site b'].map((it) => places.first(it))).toEqual(['b', undefined, 'b']);
  places.add('a', ['all', 'site c']);
  expect(['all', 'site a', 'site c'].map((it) => places.first(it))).toEqual(['b', undefined, 'a']);
});
