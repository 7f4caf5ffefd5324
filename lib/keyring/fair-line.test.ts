import { expect, test } from 'vitest';
import { FairLine } from './fair-line.ts';

function tasks(line: FairLine) {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const start = (name: string) => {
    const running = line.run(name, () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    });
    return running !== undefined;
  };
  const endOne = async (): Promise<void> => {
    ends.shift()?.();
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  };
  return { begun, start, endOne };
}

test('a long line of one name delays another by one turn only', async () => {
  const { begun, start, endOne } = tasks(new FairLine(1, 100, 100));
  for (let count = 0; count < 10; count += 1) start('guesser');
  start('owner');
  for (let count = 0; count < 3; count += 1) await endOne();
  expect(begun).toEqual(['guesser', 'guesser', 'owner', 'guesser']);
});

test('who is one too many is told at once, and others still find a place', async () => {
  const { begun, start, endOne } = tasks(new FairLine(1, 3, 2));
  expect(['a', 'a', 'a', 'a'].map(start)).toEqual([true, true, true, false]);
  expect([start('b'), start('c')]).toEqual([true, false]);
  for (let count = 0; count < 4; count += 1) await endOne();
  expect(begun).toEqual(['a', 'a', 'b', 'a']);
  expect(start('c')).toBe(true);
  expect(begun.at(-1)).toBe('c');
});

test('a task that fails makes room like one that does not', async () => {
  const line = new FairLine(1, 1, 1);
  await expect(line.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await line.run('a', async () => 1)).toBe(1);
});
