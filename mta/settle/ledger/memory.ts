/**
 * PORT: what sending remembers over restarts. A part of the ledger.
 *
 * How much of a day's warm-up is spent, what rules over replies have counted, and what they have set going: small values
 * under names, each for a time. Promises every adapter keeps (`memory.contract.ts` proves them on each):
 *
 * - When `write` resolves, all of it survives a kill; when it rejects, none of it was written, and it may be written again.
 * - A note stands in place of the one before it under its key. Writing it again is harmless.
 * - A note whose `until` has passed is not read, and goes from the storage.
 *
 * Left to others: what a note means, and how often notes are written (`mta/work/memory-keeper.ts`).
 */
import type { Note } from '../../mail/notebook.ts';

export interface Memory {
  /** Everything that holds now. */
  read(): Promise<readonly Note[]>;
  /** A note whose `until` has passed takes its key away. */
  write(notes: readonly Note[]): Promise<void>;
}
