import { beforeEach, expect, test } from 'vitest';
import { hours } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import type { Appended } from '#lib/nats/appended.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import { EXPECTED_LAST } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { Change } from '../changes.ts';
import { DoneJournal } from './done-journal.ts';
import { decodeDone, floorIn } from './done-record.ts';
import { layoutOf } from './layout.ts';

type Course = 'lost on its way' | 'answer lost' | 'full';

/** A subject as a server keeps it: it refuses what does not follow its last. `courses` says how the next appends go. */
class Server {
  readonly stored: Stored[] = [];
  readonly courses: Course[] = [];

  async appendAll(messages: readonly Outgoing[]): Promise<Appended> {
    const course = this.courses.shift();
    if (course === 'full') return { kind: 'full', reason: 'maximum bytes exceeded' };
    const appended = course === 'lost on its way' ? undefined : this.#append(messages);
    return course === undefined && appended ? appended : { kind: 'unknown', reason: 'no answer' };
  }

  async last(): Promise<Stored | undefined> {
    return this.stored.at(-1);
  }

  #append(messages: readonly Outgoing[]): Appended {
    if (messages[0]?.headers[EXPECTED_LAST] !== `${this.stored.length}`) return { kind: 'moved-on' };
    for (const { subject, headers, payload } of messages) {
      const header = (name: string): string => headers[name] ?? '';
      this.stored.push({ seq: this.stored.length + 1, subject, header, payload: Buffer.from(payload) });
    }
    return { kind: 'stored', sequence: this.stored.length };
  }
}

let server: Server;
let clock: FakeClock;
let writes: number;
beforeEach(() => {
  [server, clock, writes] = [new Server(), new FakeClock(), 0];
});

function open() {
  const carriedOut: Change[] = [];
  const losses: string[] = [];
  const journal = new DoneJournal({
    streams: server,
    outcomes: { append: (messages) => server.appendAll(messages) },
    clock,
    layout: layoutOf('q', 1),
    shard: 0,
    nextName: () => `w${(writes += 1)}`,
    carryOut: async (changes) => void carriedOut.push(...changes),
    lost: () => losses.push('lost'),
  });
  return { journal, carriedOut, losses };
}

const intended = (entry: number): Change => ({ kind: 'intended', entry });
const onRecord = (): Change[] => server.stored.flatMap(decodeDone);

test.each<[string, readonly Course[]]>([
  ['the answer is lost', ['answer lost']],
  ['it is lost on its way', ['lost on its way']],
  ['it is lost on its way, and then its answer', ['lost on its way', 'lost on its way', 'answer lost']],
])('a record is there once and carried out once when %s', async (_, courses) => {
  const { journal, carriedOut } = open();
  await journal.take();
  server.courses.push(...courses);
  await clock.until(journal.write([intended(1)]));
  await clock.until(journal.write([intended(2)]));
  expect(onRecord()).toEqual([intended(1), intended(2)]);
  expect(carriedOut).toEqual([intended(1), intended(2)]);
});

test('an answer that was lost is no success when another has taken the shard meanwhile', async () => {
  const { journal, carriedOut, losses } = open();
  await journal.take();
  server.courses.push('lost on its way');
  const writing = Promise.allSettled([journal.write([intended(1)])]);
  await clock.until(open().journal.take());
  expect(await clock.until(writing)).toMatchObject([{ status: 'rejected', reason: { code: 'claim-lost' } }]);
  expect([onRecord(), carriedOut, losses]).toEqual([[], [], ['lost']]);
});

test('a shard is taken once, also when the answer to that is lost', async () => {
  server.courses.push('answer lost');
  const { journal } = open();
  expect(await clock.until(journal.take())).toBe(0);
  expect([server.stored.length, journal.holding]).toEqual([1, 1]);
  expect(await clock.until(open().journal.take())).toBe(1);
});

test('two that take a shard at once have it one after the other, and the first writes nothing more', async () => {
  const [one, two] = [open(), open()];
  await clock.until(Promise.all([one.journal.take(), two.journal.take()]));
  const [first, second] = one.journal.holding < two.journal.holding ? [one, two] : [two, one];
  await expect(clock.until(first.journal.write([intended(1)]))).rejects.toMatchObject({ code: 'claim-lost' });
  await clock.until(second.journal.write([intended(2)]));
  expect(onRecord()).toEqual([intended(2)]);
});

test('what finds no room took no effect, and the shard is held on', async () => {
  const { journal, carriedOut } = open();
  await journal.take();
  server.courses.push('full');
  await expect(clock.until(journal.write([intended(1)]))).rejects.toMatchObject({ code: 'storage-full' });
  await clock.until(journal.write([intended(2)]));
  expect([onRecord(), carriedOut, journal.isLost]).toEqual([[intended(2)], [intended(2)], false]);
});

test('a floor is in each record from then on, and whoever takes the shard next has it', async () => {
  const { journal } = open();
  await journal.take();
  await journal.tellFloor({ log: 8, done: 1 }, false);
  expect(server.stored.map(floorIn).at(-1)).toEqual({ log: 8, done: 1 });
  const next = open().journal;
  await next.take();
  expect(next.floor).toEqual({ log: 8, done: 1 });
  expect(server.stored.map(floorIn).at(-1)).toEqual({ log: 8, done: 1 });
});

test('a floor that stays where it was is written no more than the stream needs to be let go of', async () => {
  const { journal } = open();
  await journal.take();
  const tell = (isCrowded: boolean) => journal.tellFloor({ log: 8, done: 1 }, isCrowded);
  for (let time = 0; time < 5; time += 1) await tell(false);
  expect(server.stored).toHaveLength(2);
  clock.advance(60_000);
  await tell(true);
  expect(server.stored).toHaveLength(3);
  clock.advance(hours(6));
  await tell(false);
  expect(server.stored).toHaveLength(4);
});
