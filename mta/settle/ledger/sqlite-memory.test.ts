import { FakeClock } from '#lib/run/fake-clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import { openTestStorage } from '../../../test/harness/queue.ts';
import { memoryContract } from './memory.contract.ts';
import { SqliteMemory } from './sqlite-memory.ts';

const openStorage = openTestStorage();

memoryContract('SQLite', async () => {
  const clock = new FakeClock();
  const { database, queue } = await openStorage(clock);
  queue.close();
  let isBroken = false;
  const breakable: Pick<Database, 'read' | 'write'> = {
    read: (...of) => database.read(...of),
    write: (statements) =>
      database.write(isBroken ? [...statements, { sql: 'INSERT INTO nowhere', params: [] }] : statements),
  };
  const open = (): SqliteMemory => new SqliteMemory(breakable, clock);
  return {
    clock,
    memory: open(),
    reopen: async () => open(),
    breakDown: (broken) => (isBroken = broken),
    stored: async () => Number((await database.read('SELECT count(*) AS count FROM note'))[0]?.['count']),
  };
});
