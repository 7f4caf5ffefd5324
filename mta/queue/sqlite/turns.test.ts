import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

/** Work that is ended by hand, and what was begun. */
function works() {
  const begun: string[] = [];
  const ends = new Map<string, (failed?: Error) => void>();
  const work = (name: string) => () =>
    new Promise<string>((resolve, reject) => {
      begun.push(name);
      ends.set(name, (failed) => (failed ? reject(failed) : resolve(name)));
    });
  return { begun, work, end: (name: string, failed?: Error) => ends.get(name)?.(failed) };
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('what is asked under one name is done one after the other, and under others meanwhile', async () => {
  const { begun, work, end } = works();
  const turns = new Turns();
  const [first, second] = [turns.alone('a', work('1')), turns.alone('a', work('2'))];
  const other = turns.alone('b', work('3'));
  await turn();
  expect(begun).toEqual(['1', '3']);
  end('3');
  expect(await other).toBe('3');
  const third = turns.alone('a', work('4'));
  end('1');
  expect(await first).toBe('1');
  await turn();
  const fourth = turns.alone('a', work('5'));
  await turn();
  expect(begun).toEqual(['1', '3', '2']);
  end('2');
  expect(await second).toBe('2');
  await turn();
  expect(begun).toEqual(['1', '3', '2', '4']);
  end('4');
  expect(await third).toBe('4');
  await turn();
  end('5');
  expect(await fourth).toBe('5');
});

test('what fails is told to who asked, and the next is done', async () => {
  const { work, end } = works();
  const turns = new Turns();
  const [first, second] = [turns.alone('a', work('1')), turns.alone('a', work('2'))];
  await turn();
  end('1', new Error('no'));
  await expect(first).rejects.toThrow('no');
  await turn();
  end('2');
  expect(await second).toBe('2');
});
