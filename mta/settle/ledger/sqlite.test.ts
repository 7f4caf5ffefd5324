import { expect, onTestFinished, test } from 'vitest';
import { hours, seconds } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import { aMessage, openTestStorage } from '../../../test/harness/queue.ts';
import { until } from '../../../test/harness/until.ts';
import { firstIdAt, newMessageId } from '../../mail/message.ts';
import { QUEUED_IDS } from '../../queue/sqlite/tables.ts';
import { anEvent, ledgerContract, type LedgerHarness } from './ledger.contract.ts';
import { SqliteSuppressions } from './sqlite-suppressions.ts';
import { recordEvent, SqliteLedger } from './sqlite.ts';
import { aSuppression } from './suppressions.contract.ts';

const openStorage = openTestStorage();
const WEEK = hours(7 * 24);

interface Opened extends LedgerHarness {
  readonly database: Database;
  readonly ledger: SqliteLedger;
  readonly count: () => Promise<number>;
}

async function open(clock: FakeClock): Promise<Opened> {
  const { database, queue } = await openStorage(clock);
  queue.close();
  const ledger = await SqliteLedger.open({ database, clock, queued: QUEUED_IDS });
  onTestFinished(() => ledger.close());
  return {
    ledger,
    database,
    retention: WEEK,
    reopen: () => SqliteSuppressions.open(database, clock),
    record: (events) => database.write(events.map(recordEvent)),
    count: async () => Number((await database.read('SELECT count(*) AS count FROM event'))[0]?.['count']),
  };
}

ledgerContract('SQLite', open);

test('many old events go in slices, between which others can write', async () => {
  const clock = new FakeClock();
  const { record, count } = await open(clock);
  const old = firstIdAt(clock.now());
  const young = firstIdAt(clock.now() + WEEK + hours(1));
  const ids = Array.from({ length: 7000 }, (_, at) => `${old}${String(at).padStart(16, '0')}`);
  await record([...ids, young].map((it) => anEvent(it, 'queued')));
  const left: number[] = [];
  for (const wait of [WEEK, seconds(1), seconds(1), seconds(1)]) {
    clock.advance(wait);
    await until('the next look to be planned', () => clock.timers === 1);
    left.push(await count());
  }
  expect(left).toEqual([7001, 2001, 1, 1]);
});

test('a ledger that was closed while it pruned sets no timer any more', async () => {
  const clock = new FakeClock();
  const { ledger } = await open(clock);
  clock.advance(seconds(1));
  expect(clock.timers).toBe(0);
  ledger.close();
  await ledger.trace('until what was asked before has been answered');
  await Promise.resolve();
  expect(clock.timers).toBe(0);
});

test('a clock that is ahead for a moment, and mail that is still queued, erase nothing', async () => {
  const clock = new FakeClock();
  const { database, queue } = await openStorage(clock);
  const ledger = await SqliteLedger.open({ database, clock, queued: QUEUED_IDS });
  onTestFinished(() => ledger.close());
  const old = aMessage({ id: newMessageId(clock.now(), systemRandom) });
  await queue.put(old);
  clock.setWall(clock.now() + 2 * WEEK);
  clock.advance(seconds(1));
  await until('the next look to be planned', () => clock.timers > 0);
  expect(await ledger.trace(old.id)).toHaveLength(1);
  await queue.put(aMessage({ id: newMessageId(clock.now(), systemRandom) }));
  clock.advance(seconds(1));
  await ledger.trace('until what was asked before has been answered');
  expect(await ledger.trace(old.id)).toHaveLength(1);
});

test('expired suppressions leave the disk a day later, and no others do', async () => {
  const clock = new FakeClock();
  const { ledger, database } = await open(clock);
  const expiresAt = clock.now() + seconds(1);
  await ledger.suppressions.suppress('shop', [aSuppression('a@b.test', { expiresAt }), aSuppression('c@d.test')]);
  const left = async () => (await database.read('SELECT subject FROM suppression')).map((it) => it['subject']);
  clock.advance(hours(24));
  await ledger.suppressions.prune();
  expect(await left()).toEqual(['a@b.test', 'c@d.test']);
  clock.advance(seconds(1));
  await ledger.suppressions.prune();
  expect(await left()).toEqual(['c@d.test']);
});
