/**
 * Whether a fact of the stream is what the view says.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock, Instant } from '#lib/run/clock.ts';
import type { Database } from '#lib/sqlite/database.ts';
import { SqliteOrders } from '../sqlite-orders.ts';
import type { SqliteSuppressions } from '../sqlite-suppressions.ts';
import type { Fact } from './fact.ts';

export interface View {
  readonly database: Pick<Database, 'read' | 'write'>;
  readonly suppressions: Pick<SqliteSuppressions, 'find'>;
  readonly clock: Clock;
}

/** Whether what a fact says now is what the view does. What is counted against quotas is known to who counts. */
export async function agrees(fact: Fact, view: View): Promise<boolean> {
  const now = view.clock.now();
  const orders = new SqliteOrders(view.database, view.clock);
  if (fact.kind === 'suppression')
    return isDeepStrictEqual(
      await view.suppressions.find(fact.tenant, fact.key),
      unlessOver(fact.entry, fact.entry?.expiresAt, now),
    );
  if (fact.kind === 'note') {
    const sql = 'SELECT value FROM note WHERE key = ? AND until > ?';
    const [row] = await view.database.read(sql, [fact.key, now]);
    const note = unlessOver(fact.note, fact.note?.until, now);
    return row?.['value'] === (note && JSON.stringify(note.value));
  }
  if (fact.kind === 'suspension') {
    const held = (await orders.suspensions()).find((it) => it.id === fact.id);
    return isDeepStrictEqual(held, unlessOver(fact.suspension, fact.suspension?.until, now));
  }
  if (fact.kind === 'used') return true;
  const [found] = await orders.audit(1, fact.no + 1);
  return isDeepStrictEqual(found, { ...fact.event, no: fact.no });
}

const unlessOver = <T>(it: T | undefined, until: Instant | undefined, now: Instant): T | undefined =>
  until === undefined || until > now ? it : undefined;
