import { expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import type { Appended } from '#lib/nats/appended.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import { MESSAGE_ID } from '#lib/nats/streams.ts';
import { Commits } from './commits.ts';

/**
 * A stream as a server keeps it: a message of an id it knows is a duplicate. `answers` says for each append whether it is carried
 * out, and whether its answer arrives; afterwards all are and do.
 */
class Server {
  readonly stored: string[] = [];
  readonly batches: number[] = [];
  readonly answers: { readonly isDone: boolean; readonly isHeard: boolean }[];
  refused: string | undefined;

  constructor(answers: Server['answers'] = []) {
    this.answers = answers;
  }

  async appendAll(messages: readonly Outgoing[]): Promise<Appended> {
    const { isDone, isHeard } = this.answers.shift() ?? { isDone: true, isHeard: true };
    this.batches.push(messages.length);
    const appended = isDone ? this.#append(messages) : { kind: 'unknown' as const, reason: 'lost on its way' };
    return isHeard ? appended : { kind: 'unknown', reason: 'no answer' };
  }

  #append(messages: readonly Outgoing[]): Appended {
    const ids = messages.map((it) => it.headers[MESSAGE_ID] ?? '');
    if (this.refused !== undefined && ids.includes(this.refused)) return { kind: 'refused', reason: 'too large' };
    if (ids.some((it) => this.stored.includes(it))) return { kind: 'duplicate' };
    this.stored.push(...ids);
    return { kind: 'stored', sequence: this.stored.length };
  }
}

const CUT = { isDone: false, isHeard: false };
const DEAF = { isDone: true, isHeard: false };

const message = (id: string): Outgoing => ({
  subject: 'q.in.0',
  headers: { [MESSAGE_ID]: id },
  payload: Buffer.from(id),
});

function open(server: Server) {
  const clock = new FakeClock();
  let attempt = 0;
  const commits = new Commits(server, clock, () => `a${(attempt += 1)}`);
  return { commits, ended: <T>(work: Promise<T>) => clock.until(work) };
}

test('an append whose answer is lost is asked for again, and is there once', async () => {
  const server = new Server([DEAF, DEAF]);
  const { commits, ended } = open(server);
  expect(await ended(commits.append([message('a')]))).toEqual({ kind: 'committed', sequence: undefined });
  expect(server.stored).toEqual(['a']);
});

test('an append that never arrived is asked for again, and is there once', async () => {
  const server = new Server([CUT, CUT]);
  const { commits, ended } = open(server);
  expect(await ended(commits.append([message('a')]))).toEqual({ kind: 'committed', sequence: 1 });
  expect(server.stored).toEqual(['a']);
});

test('of many that share a commit each is told so when its answer was lost, and each is there once', async () => {
  const server = new Server([DEAF]);
  const { commits, ended } = open(server);
  const ids = Array.from({ length: 50 }, (_, at) => `m${at}`);
  const all = Promise.all(ids.map((it) => commits.append([message(it)])));
  expect((await ended(all)).every((it) => it.kind === 'committed')).toBe(true);
  expect(server.stored.toSorted()).toEqual(ids.toSorted());
});

test('one of the same id as another that is there is refused, and those that came with it are put', async () => {
  const server = new Server();
  const { commits, ended } = open(server);
  await ended(commits.append([message('a')]));
  const all = Promise.allSettled(['b', 'a', 'c'].map((it) => commits.append([message(it)])));
  expect((await ended(all)).map((it) => it.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(server.stored).toEqual(['a', 'b', 'c']);
});

test('one that the server does not take is refused alone', async () => {
  const server = new Server();
  server.refused = 'b';
  const { commits, ended } = open(server);
  const all = Promise.allSettled(['a', 'b', 'c'].map((it) => commits.append([message(it)])));
  expect((await ended(all)).map((it) => it.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(server.stored).toEqual(['a', 'c']);
});

test('while nobody answers for a quarter of a minute nothing resolves, and then it is said that nobody knows', async () => {
  const server = new Server(Array.from({ length: 1000 }, () => DEAF));
  const { commits, ended } = open(server);
  await expect(ended(commits.append([message('a')]))).rejects.toMatchObject({
    code: 'storage-failed',
    message: expect.stringContaining('did not say whether'),
  });
  expect(server.batches.length).toBeGreaterThan(100);
});

test('what is put while commits are under way shares the next one', async () => {
  const server = new Server();
  const { commits, ended } = open(server);
  const all = Promise.all(Array.from({ length: 1000 }, (_, at) => commits.append([message(`m${at}`)])));
  const sequences = (await ended(all)).map((it) => (it.kind === 'committed' ? it.sequence : undefined));
  expect(sequences).toEqual(Array.from({ length: 1000 }, (_, at) => at + 1));
  expect(server.batches).toEqual([200, 200, 200, 200, 200]);
});
