/**
 * Where the ledger lies on NATS: names of streams and subjects. No I/O.
 *
 * A fact is a subject of which the last record stands. Names that people give are hashed, so that any text is a subject.
 */
import { createHash } from 'node:crypto';

/** Records of what was done that are kept; the next takes the place of the oldest. */
export const AUDIT_PLACES = 100_000;

export interface LedgerLayout {
  /** Suppressions, notes, counts, suspensions, and the record of who did what: each process follows all of it. */
  readonly facts: string;
  readonly factSubjects: readonly string[];
  readonly allFacts: string;
  readonly factOf: (kind: string, ...names: readonly string[]) => string;
  /** The place of a record in a ring. */
  readonly auditOf: (no: number) => string;
  /** What came back, with the bytes of it. */
  readonly back: string;
  readonly backSubjects: readonly string[];
  readonly allBack: string;
  /** About messages that were accepted. */
  readonly returnedOf: (tenant: string) => string;
  /** About none. */
  readonly strayOf: (tenant: string) => string;
  /** Events, by when their message was accepted. */
  readonly events: string;
  readonly eventSubjects: readonly string[];
  readonly eventsOf: (slot: number) => string;
  /** How far the queue's streams have been read for it. */
  readonly reached: string;
}

/** `name` is the queue's. */
export const ledgerLayoutOf = (name: string): LedgerLayout => ({
  facts: `${name}_FACTS`,
  factSubjects: [`${name}.fact.*.*`],
  allFacts: `${name}.fact.*.*`,
  factOf: (kind, ...names) => `${name}.fact.${kind}.${tokenOf(names)}`,
  auditOf: (no) => `${name}.fact.audit.${no % AUDIT_PLACES}`,
  back: `${name}_BACK`,
  backSubjects: [`${name}.back.*.*`],
  allBack: `${name}.back.*.*`,
  returnedOf: (tenant) => `${name}.back.returned.${tokenOf([tenant])}`,
  strayOf: (tenant) => `${name}.back.stray.${tokenOf([tenant])}`,
  events: `${name}_EVENTS`,
  eventSubjects: [`${name}.events.*`, `${name}.reached`],
  eventsOf: (slot) => `${name}.events.${slot}`,
  reached: `${name}.reached`,
});

const tokenOf = (names: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(names)).digest('hex').slice(0, 32);
