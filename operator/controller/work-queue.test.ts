import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { pauseAfter, type Worked, WorkQueue, type WorkResult } from './work-queue.ts';

const DONE: Worked = { kind: 'done' };

/** Lets everything that is resolved go on. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

interface Job {
  readonly key: string;
  readonly end: (worked: Worked | Error) => void;
}

function stage(concurrency = 2) {
  const clock = new FakeClock();
  const jobs: Job[] = [];
  const results: WorkResult[] = [];
  const queue = new WorkQueue({
    clock,
    concurrency,
    work: (key) =>
      new Promise((resolve, reject) =>
        jobs.push({ key, end: (worked) => (worked instanceof Error ? reject(worked) : resolve(worked)) }),
      ),
    observer: {
      added: () => undefined,
      started: () => undefined,
      ended: (result) => results.push(result),
      retried: () => undefined,
      failed: () => undefined,
    },
  });
  const end = async (at: number, worked: Worked | Error = DONE): Promise<void> => {
    jobs[at]?.end(worked);
    await settle();
  };
  return { clock, queue, jobs, results, end, keys: () => jobs.map(({ key }) => key) };
}

describe('a queue of keys', () => {
  test('works on a key once, however often it was added before', () => {
    const { queue, keys } = stage(1);
    for (const key of ['a', 'b', 'b', 'a', 'b']) queue.add(key);
    expect([keys(), queue.depth]).toEqual([['a'], 2]);
  });

  test('works once more on a key that was added while it was worked on', async () => {
    const { queue, keys, end } = stage();
    queue.add('a');
    queue.add('a');
    queue.add('a');
    expect(keys()).toEqual(['a']);
    await end(0);
    expect(keys()).toEqual(['a', 'a']);
    await end(1);
    expect([keys(), queue.depth, queue.working]).toEqual([['a', 'a'], 0, 0]);
  });

  test('works on a few at a time, in the order in which they came', async () => {
    const { queue, keys, end } = stage(2);
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    expect(keys()).toEqual(['a', 'b']);
    await end(1);
    expect(keys()).toEqual(['a', 'b', 'c']);
  });

  test('holds nobody up for a key that fails', async () => {
    const { queue, keys, end } = stage(1);
    queue.add('bad');
    queue.add('good');
    await end(0, new Error('no'));
    expect(keys()).toEqual(['bad', 'good']);
  });

  test.each([
    [1, 5],
    [2, 10],
    [10, 2560],
    [17, 300_000],
    [2000, 300_000],
  ])('pauses after failure %i for %i ms', (failures, pause) => {
    expect(pauseAfter(failures)).toBe(pause);
  });

  test('pauses longer after each failure, and from the beginning after a success', async () => {
    const { queue, keys, end, clock } = stage();
    queue.add('a');
    await end(0, new Error('no'));
    clock.advance(5);
    await end(1, { kind: 'conflict' });
    clock.advance(9);
    expect(keys()).toHaveLength(2);
    clock.advance(1);
    await end(2);
    queue.add('a');
    await end(3, new Error('no'));
    clock.advance(5);
    expect(keys()).toHaveLength(5);
  });

  test('comes back at the time that was asked for, or sooner when it is added', async () => {
    const { queue, keys, end, clock } = stage();
    queue.add('a');
    await end(0, { kind: 'done', again: 1000 });
    clock.advance(999);
    expect(keys()).toHaveLength(1);
    clock.advance(1);
    expect(keys()).toHaveLength(2);
    await end(1, { kind: 'done', again: 1000 });
    queue.add('a');
    await end(2);
    clock.advance(10_000);
    expect(keys()).toHaveLength(3);
  });

  test('keeps the soonest of several times', () => {
    const { queue, keys, clock } = stage();
    queue.addAfter('a', 100);
    queue.addAfter('a', 50);
    queue.addAfter('a', 200);
    clock.advance(50);
    clock.advance(1000);
    expect([keys(), clock.timers]).toEqual([['a'], 0]);
  });

  test('says how it went', async () => {
    const { queue, results, end } = stage(4);
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    await end(0);
    await end(1, { kind: 'done', again: 1 });
    await end(2, { kind: 'conflict' });
    await end(3, new Error('no'));
    expect(results).toEqual(['success', 'requeue_after', 'requeue', 'error']);
  });

  test('says how long work that is under way has lasted', () => {
    const { queue, clock } = stage();
    queue.add('a');
    clock.advance(100);
    queue.add('b');
    clock.advance(10);
    expect(queue.unfinished()).toEqual({ all: 120, longest: 110 });
  });

  test('starts nothing after it was closed, and waits for what is under way', async () => {
    const { queue, keys, end, clock } = stage(1);
    queue.add('a');
    queue.add('b');
    queue.add('a');
    queue.addAfter('c', 10);
    let isClosed = false;
    const closing = queue.close().then(() => void (isClosed = true));
    await settle();
    expect(isClosed).toBe(false);
    await end(0, new Error('no'));
    await closing;
    clock.advance(10_000);
    queue.add('d');
    expect([keys(), clock.timers]).toEqual([['a'], 0]);
  });
});

test('no key is ever worked on twice at a time, and none that was added is forgotten', async () => {
  const step = fc.record({ does: fc.constantFrom('add', 'add', 'end', 'fail', 'wait'), which: fc.nat(4) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const { queue, jobs, clock } = stage(3);
      const open = new Map<number, string>();
      const owed = new Set<string>();
      let known = 0;
      const look = (): void => {
        for (; known < jobs.length; known += 1) {
          const key = jobs[known]?.key ?? '';
          expect([...open.values()]).not.toContain(key);
          open.set(known, key);
          owed.delete(key);
        }
        expect(open.size).toBeLessThanOrEqual(3);
      };
      const endOne = async (which: number, isFailed: boolean): Promise<void> => {
        const at = [...open.keys()][which % Math.max(1, open.size)];
        if (at === undefined) return;
        if (isFailed) owed.add(open.get(at) ?? '');
        open.delete(at);
        jobs[at]?.end(isFailed ? new Error('no') : DONE);
        await settle();
      };
      for (const { does, which } of steps) {
        if (does === 'add') owed.add(`${which}`);
        if (does === 'add') queue.add(`${which}`);
        if (does === 'wait') clock.advance(20);
        if (does === 'end' || does === 'fail') await endOne(which, does === 'fail');
        look();
      }
      while (open.size > 0 || clock.timers > 0) {
        await endOne(0, false);
        clock.advance(300_000);
        look();
      }
      expect([...owed]).toEqual([]);
    }),
    { numRuns: 100 },
  );
});
