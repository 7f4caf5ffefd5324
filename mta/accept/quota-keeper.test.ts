import { describe, expect, test } from 'vitest';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { openTestStorage } from '../../test/harness/queue.ts';
import { until } from '../../test/harness/until.ts';
import { SqliteUsage } from '../settle/ledger/sqlite-usage.ts';
import type { Usage } from '../settle/ledger/usage.ts';
import { QuotaKeeper } from './quota-keeper.ts';

const openQueue = openTestStorage();
const TWO = [{ subject: 'credential default.app', quota: { perHour: 2 } }];

async function open() {
  const clock = new FakeClock();
  const { database } = await openQueue(clock);
  const stored = new SqliteUsage(database, clock);
  const disk = { broken: false, writes: 0, written: 0 };
  const faults: unknown[] = [];
  const usage: Usage = {
    read: () => stored.read(),
    async write(used) {
      disk.writes += 1;
      if (disk.broken) throw new Error('no disk');
      await stored.write(used);
      disk.written += 1;
    },
  };
  const start = () => QuotaKeeper.open({ usage, clock, troubled: (thrown) => faults.push(thrown) });
  return { clock, disk, faults, start };
}

describe('what quotas have counted', () => {
  test('is there after a stop', async () => {
    const { clock, start } = await open();
    const first = await start();
    expect(first.quotas.take(TWO, 2, clock.now())).toBeUndefined();
    await first.stop();
    const second = await start();
    expect(second.quotas.take(TWO, 1, clock.now())).toMatchObject({ limit: 2 });
    await second.stop();
  });

  test('is there after a kill, but for the last five seconds', async () => {
    const { clock, disk, start } = await open();
    const killed = await start();
    killed.quotas.take(TWO, 1, clock.now());
    clock.advance(seconds(5));
    await until('the write to end', () => disk.written === 1);
    killed.quotas.take(TWO, 1, clock.now());
    const next = await start();
    expect(disk.writes).toBe(1);
    expect(next.quotas.take(TWO, 2, clock.now())).toBeDefined();
    expect(next.quotas.take(TWO, 1, clock.now())).toBeUndefined();
    await next.stop();
  });

  test('costs no write while nothing is counted', async () => {
    const { clock, disk, start } = await open();
    const keeper = await start();
    clock.advance(seconds(5));
    await keeper.stop();
    expect(disk.writes).toBe(0);
  });

  test('is written later when it cannot be written now', async () => {
    const { clock, disk, faults, start } = await open();
    const keeper = await start();
    keeper.quotas.take(TWO, 2, clock.now());
    disk.broken = true;
    clock.advance(seconds(5));
    await until('the failure to be told', () => faults.length === 1);
    disk.broken = false;
    await keeper.stop();
    const next = await start();
    expect(next.quotas.take(TWO, 1, clock.now())).toBeDefined();
    await next.stop();
  });

  test('sets no timer any more once it was stopped', async () => {
    const { clock, start } = await open();
    const before = clock.timers;
    const keeper = await start();
    await keeper.stop();
    expect(clock.timers).toBe(before);
  });
});
