/**
 * Facts: what holds now, each under a subject of its own whose last record stands. How they lie in a record, for how long
 * the servers keep one, and what one means for the view. No I/O.
 *
 * A version is never given a second meaning: what it once wrote, every later release reads.
 */
import type { Duration, Instant } from '#lib/run/clock.ts';
import { hours } from '#lib/run/clock.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import { EXPECTED_LAST } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { AuditEvent } from '../../../mail/audit.ts';
import type { Note } from '../../../mail/notebook.ts';
import type { Suppression } from '../../../mail/suppression.ts';
import type { Suspension } from '../../../mail/suspension.ts';
import type { Used } from '../usage.ts';
import type { LedgerLayout } from './layout.ts';

/** What is absent under its name holds no more. */
export type Fact =
  | { readonly kind: 'suppression'; readonly tenant: string; readonly key: string; readonly entry?: Suppression }
  | { readonly kind: 'note'; readonly key: string; readonly note?: Note }
  | { readonly kind: 'used'; readonly writer: string; readonly used: Used }
  | { readonly kind: 'suspension'; readonly id: string; readonly suspension?: Suspension }
  /** `write` names the attempt, so that whoever did not hear what became of it finds it again. */
  | { readonly kind: 'audit'; readonly no: number; readonly write: string; readonly event: AuditEvent };

const VERSION = 1;
/** The servers forget a record by itself after so many seconds. */
const TTL = 'Nats-TTL';
/** What has ended stays that long with the servers, so that a clock that is ahead for a moment erases nothing. */
const GRACE: Duration = hours(24);
/** A process that hears nothing of NATS for that long has to be started again: it would not hear of what was removed. */
const REMOVALS_TOLD_FOR: Duration = hours(30 * 24);

/** `after`: the record that must still be the subject's last; 0 when there must be none. */
export function encodeFact(fact: Fact, layout: LedgerLayout, now: Instant, after?: number): Outgoing {
  const ends = endOf(fact, now);
  return {
    subject: subjectOf(fact, layout),
    headers: {
      ...(after !== undefined && { [EXPECTED_LAST]: `${after}` }),
      ...(ends !== undefined && { [TTL]: `${Math.ceil(Math.max(ends - now, 1000) / 1000)}s` }),
    },
    payload: Buffer.from(JSON.stringify({ v: VERSION, ...fact })),
  };
}

/** Fault `record-unreadable` when a record is damaged or of a version not known here. */
export function decodeFact({ seq, subject, payload }: Stored): Fact {
  const where = `record ${seq} of ${subject}`;
  try {
    const { v, ...fact } = JSON.parse(payload.toString()) as Fact & { readonly v: number };
    if (v === VERSION) return fact;
    throw new Fault('record-unreadable', `${where} has version ${v}, known is ${VERSION}`);
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('record-unreadable', `${where} is damaged: ${reasonOf(cause)}`, { cause });
  }
}

export function subjectOf(fact: Fact, { factOf, auditOf }: LedgerLayout): string {
  if (fact.kind === 'suppression') return factOf('suppression', fact.tenant, fact.key);
  if (fact.kind === 'note') return factOf('note', fact.key);
  if (fact.kind === 'used') return factOf('used', fact.writer, fact.used.key, `${fact.used.part}`);
  return fact.kind === 'suspension' ? factOf('suspension', fact.id) : auditOf(fact.no);
}

/** From then on the servers need not know it; undefined: they always do. */
function endOf(fact: Fact, now: Instant): Instant | undefined {
  if (fact.kind === 'audit') return undefined;
  if (fact.kind === 'used') return graced(fact.used.until);
  const [holds, until] = holdsUntil(fact);
  return holds ? graced(until) : now + REMOVALS_TOLD_FOR;
}

function holdsUntil(fact: Exclude<Fact, { kind: 'audit' | 'used' }>): [holds: boolean, until: Instant | undefined] {
  if (fact.kind === 'suppression') return [fact.entry !== undefined, fact.entry?.expiresAt];
  if (fact.kind === 'note') return [fact.note !== undefined, fact.note?.until];
  return [fact.suspension !== undefined, fact.suspension?.until];
}

const graced = (until: Instant | undefined): Instant | undefined => (until === undefined ? undefined : until + GRACE);
