/**
 * PORT: what people have ordered, and the record of it. A part of the ledger.
 *
 * Promises every adapter keeps (`orders.contract.ts` proves them on each): when `record` resolves, the record and the
 * change it tells of are durable, both or none; a suspension that is over is not read, and goes from the storage with the
 * next record; records are read newest first, and at least the last hundred thousand are kept.
 */
import type { AuditEvent } from '../../mail/audit.ts';
import type { Suspension } from '../../mail/suspension.ts';

/** A change of what is suspended; ending what is not there is harmless. */
export interface OrdersChange {
  readonly begin?: Suspension;
  /** Ids. */
  readonly end?: readonly string[];
}

/** `no` grows from record to record. */
export interface AuditRecord extends AuditEvent {
  readonly no: number;
}

export interface Orders {
  /** Every suspension that is not over. */
  suspensions(): Promise<readonly Suspension[]>;
  record(event: AuditEvent, change?: OrdersChange): Promise<void>;
  /** Up to `most` records, those before the one that has the number `before`. */
  audit(most: number, before?: number): Promise<readonly AuditRecord[]>;
}
