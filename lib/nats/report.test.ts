import { expect, test } from 'vitest';
import { type QueueWord, queueText, queueWordIn } from './report.ts';

test.each<[word: QueueWord]>([
  [{ durability: 'Fsync', doubt: '', shards: 32 }],
  [{ durability: 'Weaker', doubt: 'NATS server a answers before it has synced', shards: 0 }],
  [{ durability: 'Unknown', doubt: 'nobody knows' }],
])('%j is read as it was told', (word) => {
  expect(queueWordIn(JSON.parse(queueText(word)))).toEqual(word);
});

test.each([
  [undefined],
  [null],
  ['Fsync'],
  [{ durability: 'Fine', doubt: '' }],
  [{ durability: 'Fsync' }],
  [{ durability: 'toString', doubt: '' }],
])('%j is no word of a queue', (told) => {
  expect(queueWordIn(told)).toBeUndefined();
});

test.each([[-1], [1.5], ['8']])('%j shards are none that are counted', (shards) => {
  expect(queueWordIn({ durability: 'Fsync', doubt: '', shards })).toEqual({ durability: 'Fsync', doubt: '' });
});
