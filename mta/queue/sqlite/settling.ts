/**
 * Writes how leases ended: each outcome and its event in one unit, once.
 *
 * A lease that is void is refused; one whose unit cannot be written holds as before. Memory follows what was written.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { Change } from '../changes.ts';
import { laneFrom, type LaneName, type Settlement } from '../queue.ts';
import type { Messages } from './messages.ts';
import type { Held } from './moves.ts';
import * as tables from './tables.ts';

export interface SettlingOptions extends Pick<Held, 'journal' | 'lanes' | 'leases'> {
  readonly messages: Messages;
}

export class Settling {
  readonly #options: SettlingOptions;

  constructor(options: SettlingOptions) {
    this.#options = options;
  }

  /** Resolves when durable, with those that were refused. */
  async settle(settlements: readonly Settlement[]): Promise<readonly Settlement[]> {
    const refused: Settlement[] = [];
    const taken: Settlement[] = [];
    const changes: Change[] = [];
    for (const settlement of settlements) {
      const entry = this.#options.leases.startSettling(settlement.lease);
      (entry !== undefined ? taken : refused).push(settlement);
      if (entry !== undefined) changes.push(changeOf(entry, settlement));
    }
    if (taken.length > 0) await this.#write(changes, taken);
    return refused;
  }

  async #write(changes: readonly Change[], taken: readonly Settlement[]): Promise<void> {
    const { journal, leases } = this.#options;
    try {
      await journal.write(changes);
    } catch (thrown) {
      for (const { lease } of taken) leases.stopSettling(lease);
      throw thrown;
    }
    for (const settlement of taken) this.#follow(settlement);
  }

  #follow({ lease, outcome, owesReport = false }: Settlement): void {
    const { lanes, leases, messages } = this.#options;
    const isOnly = lease.message.recipients.length === 1;
    const ended = leases.drop(lease.id, isOnly && outcome.kind !== 'later' && !owesReport);
    if (ended !== undefined && isOnly) messages.drop(tables.messageNoOf(ended));
    if (outcome.kind === 'later')
      this.#moveOn(lease.lane, laneFrom(lease.lane, outcome.from), outcome.held ? Infinity : outcome.due);
    else lanes.end(lease.lane, 1);
  }

  #moveOn(from: LaneName, to: LaneName, due: Instant): void {
    const { lanes } = this.#options;
    if (from === to) return lanes.arrive(to, 0, due);
    lanes.end(from, 1);
    lanes.arrive(to, 1, due);
  }
}

function changeOf(entry: number, { lease, outcome, event, owesReport = false }: Settlement): Change {
  if (outcome.kind !== 'later')
    return { kind: 'ended', entry, only: lease.message.recipients.length === 1, owed: owesReport, event };
  const lane = laneFrom(lease.lane, outcome.from);
  return {
    kind: 'waits',
    entry,
    due: outcome.due,
    attempts: lease.attempts + (outcome.uncounted ? 0 : 1),
    held: outcome.held === true,
    ...(lane !== lease.lane && { lane }),
    owed: owesReport,
    event,
  };
}
