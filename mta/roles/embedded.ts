/**
 * The embedded queue and its ledger: one file, one process.
 */
import { reasonOf } from '#lib/run/fault.ts';
import { collectSooner } from '#lib/run/garbage.ts';
import { openInHand } from './data-folder.ts';
import type { Ground } from './ground.ts';
import { SqliteQueue } from '../queue/sqlite/queue.ts';
import { QUEUED_IDS } from '../queue/sqlite/tables.ts';
import { recordEvent, SqliteLedger } from '../settle/ledger/sqlite.ts';
import { tellCrash } from './tell-crash.ts';

export interface Embedded {
  readonly queue: SqliteQueue;
  readonly ledger: SqliteLedger;
}

export async function openEmbedded(ground: Ground, opened: AsyncDisposableStack): Promise<Embedded> {
  const { database, data, clock, log } = ground;
  const unreadable = (thrown: unknown): void =>
    log.error('a queued message was set aside', { reason: reasonOf(thrown) });
  const unnoted = (thrown: unknown): void =>
    log.warn('cannot note which messages are in hand', { reason: reasonOf(thrown) });
  const kept = {
    database,
    inHand: openInHand(data, unnoted),
    clock,
    recordEvent,
    unreadable,
    manyLanes: collectSooner,
  };
  const queue = opened.adopt(await SqliteQueue.open(kept), (it) => it.close());
  const ledger = opened.adopt(await SqliteLedger.open({ database, clock, queued: QUEUED_IDS }), (it) => it.close());
  tellCrash(queue.afterCrash, ground);
  return { queue, ledger };
}
