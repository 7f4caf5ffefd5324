/**
 * How facts lie in the view: the embedded ledger's own tables. SQL only; no state.
 */
import type { Statement } from '#lib/sqlite/protocol.ts';
import type { Instant } from '#lib/run/clock.ts';
import { MEMORY_TABLES } from '../sqlite-memory.ts';
import { ORDER_TABLES } from '../sqlite-orders.ts';
import { USAGE_TABLES } from '../sqlite-usage.ts';
import { SUPPRESSION_TABLES } from '../suppression-rows.ts';
import type { Fact } from './fact.ts';
import { AUDIT_PLACES } from './layout.ts';

export const FACT_TABLES = [SUPPRESSION_TABLES, MEMORY_TABLES, ORDER_TABLES, USAGE_TABLES];

type Of<Kind extends Fact['kind']> = Extract<Fact, { kind: Kind }>;

const SUPPRESS = `
  INSERT OR REPLACE INTO suppression
  SELECT value ->> 'tenant', value ->> 'key', value -> 'entry' ->> 'subject', value -> 'entry' ->> 'reason',
    value -> 'entry' ->> 'source', value -> 'entry' ->> 'createdAt', value -> 'entry' ->> 'expiresAt'
  FROM json_each(?) WHERE value -> 'entry' IS NOT NULL`;
const UNSUPPRESS = `
  DELETE FROM suppression WHERE (tenant, key) IN (
    SELECT value ->> 'tenant', value ->> 'key' FROM json_each(?) WHERE value -> 'entry' IS NULL)`;
const NOTE = `
  INSERT OR REPLACE INTO note SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)`;
const USE = `
  INSERT OR REPLACE INTO quota_used
  SELECT value ->> 'key', value ->> 'part', value ->> 'count', value ->> 'until' FROM json_each(?)`;

/** Of facts of which no two are of one subject. What others counted against quotas is theirs. */
export function rowsOf(facts: readonly Fact[], writer: string, now: Instant): Statement[] {
  const of = <Kind extends Fact['kind']>(kind: Kind): Of<Kind>[] =>
    facts.filter((it): it is Of<Kind> => it.kind === kind);
  return [
    ...suppressionRows(of('suppression')),
    ...noteRows(of('note'), now),
    ...usedRows(
      of('used').filter((it) => it.writer === writer),
      now,
    ),
    ...of('suspension').map(suspensionRow),
    ...auditRows(of('audit')),
  ];
}

function suppressionRows(facts: readonly Of<'suppression'>[]): Statement[] {
  if (facts.length === 0) return [];
  const params = [JSON.stringify(facts)];
  return [
    { sql: SUPPRESS, params },
    { sql: UNSUPPRESS, params },
  ];
}

function noteRows(facts: readonly Of<'note'>[], now: Instant): Statement[] {
  if (facts.length === 0) return [];
  // A key that is gone is one that has ended.
  const rows = facts.map(({ key, note }) => [key, JSON.stringify(note?.value ?? null), note?.until ?? 0]);
  return [
    { sql: NOTE, params: [JSON.stringify(rows)] },
    { sql: 'DELETE FROM note WHERE until <= ?', params: [now] },
  ];
}

function usedRows(facts: readonly Of<'used'>[], now: Instant): Statement[] {
  if (facts.length === 0) return [];
  return [
    { sql: USE, params: [JSON.stringify(facts.map((it) => it.used))] },
    { sql: 'DELETE FROM quota_used WHERE until <= ? OR count = 0', params: [now] },
  ];
}

const suspensionRow = ({ id, suspension }: Of<'suspension'>): Statement =>
  suspension
    ? {
        sql: 'INSERT OR REPLACE INTO suspension VALUES (?, ?, ?)',
        params: [id, suspension.until ?? null, JSON.stringify(suspension)],
      }
    : { sql: 'DELETE FROM suspension WHERE id = ?', params: [id] };

/** What its place in the ring was taken from is gone. */
function auditRows(facts: readonly Of<'audit'>[]): Statement[] {
  if (facts.length === 0) return [];
  const rows = facts.map(({ no, event }) => ({
    sql: 'INSERT OR REPLACE INTO audit VALUES (?, ?)',
    params: [no, JSON.stringify(event)],
  }));
  return [...rows, { sql: 'DELETE FROM audit WHERE no <= (SELECT max(no) FROM audit) - ?', params: [AUDIT_PLACES] }];
}
