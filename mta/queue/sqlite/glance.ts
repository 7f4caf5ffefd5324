/**
 * A look at a lane: when something is next due, how old the oldest is. By the index, and over so many entries at most.
 */
import type { Database } from '#lib/sqlite/database.ts';
import { acceptedAtOf } from '../../mail/message.ts';
import type { Glance, LaneName } from '../queue.ts';
import { ENDS_OF_LANE, IDS } from './looking.ts';
import { indexOf, messageNoOf } from './tables.ts';

/** Looked at from each end: a lane of twice as many is known exactly. */
const MOST = 2500;

export async function glanceAt(database: Database, lane: LaneName, depth: number): Promise<Glance> {
  const [row = {}] = await database.read(ENDS_OF_LANE, [lane, MOST]);
  const numbers = [row['oldest'], row['latest']].map((it) => (typeof it === 'number' ? it : undefined));
  const [oldest, latest] = numbers;
  const wanted = numbers.flatMap((it) => (it === undefined ? [] : [messageNoOf(it)]));
  const ids = new Map((await database.read(IDS, [JSON.stringify(wanted)])).map((it) => [it['no'], String(it['id'])]));
  const idOf = (entry: number | undefined) => (entry === undefined ? undefined : ids.get(messageNoOf(entry)));
  const [oldestId, latestId] = [idOf(oldest), idOf(latest)];
  return {
    next: typeof row['next'] === 'number' ? row['next'] : undefined,
    oldest: oldestId === undefined ? undefined : acceptedAtOf(oldestId),
    isExact: depth <= 2 * MOST,
    latest: latestId === undefined || latest === undefined ? undefined : { message: latestId, index: indexOf(latest) },
    suspended: Number(row['suspended'] ?? 0),
  };
}
