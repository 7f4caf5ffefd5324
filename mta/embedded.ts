/**
 * The embedded queue and its ledger: one file, one process.
 */
import { reasonOf } from '#lib/run/fault.ts';
import { collectSooner } from '#lib/run/garbage.ts';
import { openInHand } from './data-folder.ts';
import type { Ground } from './ground.ts';
import type { AfterCrash } from './queue/sqlite/crashes.ts';
import { SqliteQueue } from './queue/sqlite/queue.ts';
import { QUEUED_IDS } from './queue/sqlite/tables.ts';
import { recordEvent, SqliteLedger } from './settle/ledger/sqlite.ts';

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

/** Whoever is paged hears first that it died, and what was in hand. */
function tellCrash({ inHand, apart, setAside }: AfterCrash, { log, tell }: Pick<Ground, 'log' | 'tell'>): void {
  if (inHand > 0) log.warn('the last process died', { inHand, apart, setAside: setAside.length });
  for (const event of setAside) tell(event);
}
