/**
 * Reads the ledger of a data folder that nobody uses any more: how every recipient ended, as the durable events say.
 */
import { openData } from '#mta/roles/data-folder.ts';

/** Counts of recipients; reports that were made here are left out. */
export interface LedgerVerdict {
  /** Whose mail was accepted. */
  readonly queued: number;
  readonly delivered: number;
  /** Delivered, bounced, expired or cancelled more than once. */
  readonly endedTwice: number;
  readonly neverEnded: number;
}

const RECIPIENTS = `
  SELECT sum(type = 'queued') AS queued, sum(type = 'delivered') AS delivered,
    sum(type IN ('delivered', 'bounced', 'expired', 'cancelled')) AS ended
  FROM (SELECT message, event ->> 'index' AS recipient, event ->> 'type' AS type FROM event WHERE event ->> 'sender' <> '')
  GROUP BY message, recipient`;

const COUNTS = `
  SELECT sum(queued > 0) AS queued, sum(delivered > 0) AS delivered, sum(ended > 1) AS twice, sum(ended = 0) AS never
  FROM (${RECIPIENTS})`;

export async function judgeLedger(folder: string): Promise<LedgerVerdict> {
  const database = await openData(folder, false);
  const [row] = await database.read(COUNTS);
  await database.close();
  const count = (name: string): number => Number(row?.[name] ?? 0);
  return {
    queued: count('queued'),
    delivered: count('delivered'),
    endedTwice: count('twice'),
    neverEnded: count('never'),
  };
}
