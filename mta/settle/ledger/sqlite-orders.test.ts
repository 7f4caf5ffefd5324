import { openTestStorage } from '../../../test/harness/queue.ts';
import type { Statement } from '#lib/sqlite/protocol.ts';
import { ordersContract } from './orders.contract.ts';
import { SqliteOrders } from './sqlite-orders.ts';

const openStorage = openTestStorage();

ordersContract('SQLite', async (clock) => {
  const { database } = await openStorage(clock);
  let isBroken = false;
  const failing = {
    read: database.read.bind(database),
    // The last of the statements fails: what came before must not stay.
    write: (statements: readonly Statement[]) =>
      database.write(isBroken ? [...statements, { sql: 'INSERT INTO nowhere', params: [] }] : statements),
  };
  return {
    orders: new SqliteOrders(failing, clock),
    reopen: async () => new SqliteOrders(database, clock),
    fail: () => {
      isBroken = true;
    },
  };
});
