/**
 * The embedded queue in a data folder, as `standalone` opens it.
 */
import { systemClock as clock } from '#lib/run/clock.ts';
import { openData, openInHand } from '#mta/roles/data-folder.ts';
import { SqliteQueue } from '#mta/queue/sqlite/queue.ts';
import { recordEvent } from '#mta/settle/ledger/sqlite.ts';

export interface QueueFile {
  readonly queue: SqliteQueue;
  close(): Promise<void>;
}

export async function openQueue(folder: string): Promise<QueueFile> {
  const database = await openData(folder, false);
  const queue = await SqliteQueue.open({
    database,
    inHand: openInHand(folder),
    clock,
    recordEvent,
    unreadable: () => {},
  });
  const close = async (): Promise<void> => {
    queue.close();
    await database.close();
  };
  return { queue, close };
}
