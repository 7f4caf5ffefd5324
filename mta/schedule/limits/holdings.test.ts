import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Reply } from './contact.ts';
import { type Held, Holdings } from './holdings.ts';

type Answers = (names: number) => Reply | undefined;

function asking(answers: Answers) {
  const asked: string[][] = [];
  const contact = {
    holder: 'me',
    key: (kind: string) => kind,
    keyOf: (_kind: string, name: string) => name,
    run: async (_script: unknown, keys: readonly string[]) => {
      const names = keys.slice(3);
      asked.push(names);
      return answers(names.length);
    },
  };
  return { asked, holdings: new Holdings(contact) };
}

const ask = (holdings: Holdings, name: string): Promise<Held | undefined> =>
  new Promise((resolve) => holdings.ask({ name, want: 1, held: 0, most: 2 }, resolve));

const each: Answers = (names) => new Reply(Array.from({ length: names }, (_, at) => [at, 1, at % 2, '5.5']).flat());

test('what is asked in one turn goes in one script, and each has its own answer', async () => {
  const { asked, holdings } = asking(each);
  const answers = await Promise.all(['a', 'b', 'c'].map((name) => ask(holdings, name)));
  expect(asked).toEqual([['a', 'b', 'c']]);
  expect(answers.map((it) => [it?.held, it?.fair, it?.isAwaited, it?.wait])).toEqual([
    [0, 1, false, 5.5],
    [1, 1, true, 5.5],
    [2, 1, false, 5.5],
  ]);
});

test('fifty go at once, in their order, and the rest with the end of the turn', async () => {
  const { asked, holdings } = asking(each);
  const all = Promise.all(Array.from({ length: 120 }, (_, at) => ask(holdings, String(at))));
  expect(asked.map((it) => it.length)).toEqual([50, 50]);
  await all;
  expect(asked.map((it) => it.length)).toEqual([50, 50, 20]);
  expect(asked.flat()).toEqual(Array.from({ length: 120 }, (_, at) => String(at)));
});

test('what must not wait is sent before its turn ends, and once', async () => {
  const { asked, holdings } = asking(each);
  void ask(holdings, 'a');
  holdings.send();
  expect(asked).toEqual([['a']]);
  await turn();
  expect(asked).toHaveLength(1);
});

test('all hear of it when nobody answers', async () => {
  const { holdings } = asking(() => undefined);
  expect(await Promise.all([ask(holdings, 'a'), ask(holdings, 'b')])).toEqual([undefined, undefined]);
});
