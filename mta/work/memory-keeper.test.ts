import { describe, expect, test } from 'vitest';
import { hours, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { openTestStorage } from '../../test/harness/queue.ts';
import { until } from '../../test/harness/until.ts';
import { MemoryKeeper } from './memory-keeper.ts';
import type { Memory } from '../settle/ledger/memory.ts';
import { SqliteMemory } from '../settle/ledger/sqlite-memory.ts';

const openStorage = openTestStorage();

async function open() {
  const clock = new FakeClock();
  const { database, queue } = await openStorage(clock);
  queue.close();
  const stored = new SqliteMemory(database, clock);
  const disk = { broken: false, writes: 0, written: 0 };
  const faults: unknown[] = [];
  const memory: Memory = {
    read: () => stored.read(),
    async write(notes) {
      disk.writes += 1;
      if (disk.broken) throw new Error('no disk');
      await stored.write(notes);
      disk.written += notes.length;
    },
  };
  const start = () => MemoryKeeper.open({ memory, clock, troubled: (thrown) => faults.push(thrown) });
  const later = clock.now() + hours(1);
  return { clock, disk, faults, start, later };
}

describe('what was noted', () => {
  test('is there after a stop, for who noted it', async () => {
    const { start, later } = await open();
    const first = await start();
    first.notebook('one').write('key', { count: 1 }, later);
    first.notebook('other').write('key', 2, later);
    await first.stop();
    const second = await start();
    expect(second.notebook('one').notes).toEqual([{ key: 'key', value: { count: 1 }, until: later }]);
    expect(second.notebook('other').notes).toEqual([{ key: 'key', value: 2, until: later }]);
    expect(second.notebook('on').notes).toEqual([]);
    await second.stop();
  });

  test('is there after a kill, but for the last second', async () => {
    const { clock, disk, start, later } = await open();
    const killed = (await start()).notebook('one');
    killed.write('early', 1, later);
    clock.advance(seconds(1));
    await until('the write to end', () => disk.written === 1);
    killed.write('late', 1, later);
    const next = await start();
    expect(next.notebook('one').notes.map((it) => it.key)).toEqual(['early']);
    await next.stop();
  });

  test('is gone when it was struck out', async () => {
    const { start, later } = await open();
    const first = await start();
    first.notebook('one').write('key', 1, later);
    await first.stop();
    const second = await start();
    second.notebook('one').strike('key');
    await second.stop();
    expect((await start()).notebook('one').notes).toEqual([]);
  });
});

test('a second of many notes is one write of the newest, and a second of none is none', async () => {
  const { clock, disk, start, later } = await open();
  const keeper = await start();
  const book = keeper.notebook('one');
  for (let count = 1; count <= 100; count += 1) book.write('key', count, later);
  clock.advance(seconds(1));
  await until('the write to end', () => disk.written === 1);
  expect([disk.writes, clock.timers]).toEqual([1, 0]);
  await keeper.stop();
  expect(disk.writes).toBe(1);
  expect((await start()).notebook('one').notes[0]?.value).toBe(100);
});

test('what cannot be written is told, and written with the next; what is newer stays', async () => {
  const { clock, disk, faults, start, later } = await open();
  const keeper = await start();
  const book = keeper.notebook('one');
  disk.broken = true;
  book.write('key', 1, later);
  book.write('other', 1, later);
  clock.advance(seconds(1));
  book.write('key', 2, later);
  await until('the fault', () => faults.length === 1);
  disk.broken = false;
  await until('the next write to be planned', () => clock.timers === 1);
  clock.advance(seconds(1));
  await until('the write to end', () => disk.written === 2);
  await keeper.stop();
  const { notes } = (await start()).notebook('one');
  expect(Object.fromEntries(notes.map((it) => [it.key, it.value]))).toEqual({ key: 2, other: 1 });
});
