import { expect, test } from 'vitest';
import type { Appended } from '#lib/nats/appended.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import { EXPECTED_LAST } from '#lib/nats/streams.ts';
import { Outcomes } from './outcomes.ts';

/** Subjects as a server keeps them: it refuses all that comes with what does not follow its subject's last. Answers when it is told to. */
class Server {
  readonly batches: string[][] = [];
  readonly #lasts = new Map<string, number>();
  #sequence = 0;
  #answer: (() => void)[] = [];
  isAway = false;

  async appendAll(messages: readonly Outgoing[]): Promise<Appended> {
    this.batches.push(messages.map((it) => it.subject));
    await new Promise<void>((resolve) => this.#answer.push(resolve));
    if (this.isAway) throw new Error('the connection is closed');
    return this.#append(messages);
  }

  /** Answers what has been asked by now. */
  async answer(): Promise<void> {
    await turn();
    for (const answer of this.#answer.splice(0)) answer();
    await turn();
  }

  #append(messages: readonly Outgoing[]): Appended {
    const isLate = ({ subject, headers }: Outgoing): boolean =>
      headers[EXPECTED_LAST] !== undefined && headers[EXPECTED_LAST] !== `${this.#lasts.get(subject) ?? 0}`;
    if (messages.some(isLate)) return { kind: 'moved-on' };
    for (const { subject } of messages) this.#lasts.set(subject, (this.#sequence += 1));
    return { kind: 'stored', sequence: this.#sequence };
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const record = (shard: string, after?: number): Outgoing => ({
  subject: shard,
  headers: after === undefined ? {} : { [EXPECTED_LAST]: `${after}` },
  payload: Buffer.from('outcome'),
});

function open() {
  const server = new Server();
  let names = 0;
  return { server, outcomes: new Outcomes(server, () => `n${(names += 1)}`) };
}

test('records of several shards that come in one turn share a commit, and each hears its own last sequence', async () => {
  const { server, outcomes } = open();
  const ended = Promise.all([
    outcomes.append([record('a', 0)]),
    outcomes.append([record('b', 0), record('b')]),
    outcomes.append([record('c', 0)]),
  ]);
  await server.answer();
  expect(await ended).toEqual([1, 3, 4].map((sequence) => ({ kind: 'stored', sequence })));
  expect(server.batches).toEqual([['a', 'b', 'b', 'c']]);
});

test('what comes while a commit is under way waits for its end, and goes together', async () => {
  const { server, outcomes } = open();
  const first = outcomes.append([record('a', 0)]);
  await turn();
  const rest = Promise.all(['b', 'c', 'd'].map((it) => outcomes.append([record(it, 0)])));
  await turn();
  expect(server.batches).toEqual([['a']]);
  await server.answer();
  await server.answer();
  expect(server.batches).toEqual([['a'], ['b', 'c', 'd']]);
  expect([await first, await rest]).toEqual([
    { kind: 'stored', sequence: 1 },
    [2, 3, 4].map((sequence) => ({ kind: 'stored', sequence })),
  ]);
});

test('a shard that another has taken holds up none that shared a commit with it', async () => {
  const { server, outcomes } = open();
  const ended = Promise.all([
    outcomes.append([record('a', 0)]),
    outcomes.append([record('taken', 7)]),
    outcomes.append([record('b', 0)]),
  ]);
  await server.answer();
  await server.answer();
  expect((await ended).map((it) => it.kind)).toEqual(['stored', 'moved-on', 'stored']);
  expect(server.batches).toEqual([['a', 'taken', 'b'], ['a'], ['taken'], ['b']]);
});

test('when nobody answers each hears that its end is unknown, nothing is asked again, and what comes next goes', async () => {
  const { server, outcomes } = open();
  server.isAway = true;
  const ended = Promise.all(['a', 'b'].map((it) => outcomes.append([record(it, 0)])));
  await server.answer();
  expect((await ended).map((it) => it.kind)).toEqual(['unknown', 'unknown']);
  server.isAway = false;
  const next = outcomes.append([record('c', 0)]);
  await server.answer();
  expect(await next).toEqual({ kind: 'stored', sequence: 1 });
  expect(server.batches).toEqual([['a', 'b'], ['c']]);
});
