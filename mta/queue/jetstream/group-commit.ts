/**
 * Brings what is to be appended to one stream together: what comes while commits are under way goes with the next one, so that
 * their number follows the disk and not the callers.
 *
 * Whoever uses it says how a commit is carried out, and tells each part how it ended.
 */
import type { Outgoing } from '#lib/nats/connection.ts';

/** What one commit may hold. */
const MOST_MESSAGES = 200;
const MOST_BYTES = 4 * 1024 * 1024;

/** Appended wholly or not at all. */
export interface Part {
  readonly messages: readonly Outgoing[];
}

export class GroupCommit<P extends Part> {
  readonly #atOnce: number;
  readonly #carryOut: (batch: readonly P[]) => Promise<void>;
  #gathered: P[] = [];
  #underWay = 0;
  #isPlanned = false;

  /** `atOnce`: commits under way at a time. `carryOut` must not reject. */
  constructor(atOnce: number, carryOut: (batch: readonly P[]) => Promise<void>) {
    this.#atOnce = atOnce;
    this.#carryOut = carryOut;
  }

  /** Goes at the end of this turn of the event loop, or when another commit has ended. */
  add(part: P): void {
    this.#gathered.push(part);
    this.#commitSoon();
  }

  #commitSoon(): void {
    if (this.#isPlanned || this.#underWay >= this.#atOnce || this.#gathered.length === 0) return;
    this.#isPlanned = true;
    setImmediate(() => {
      this.#isPlanned = false;
      while (this.#underWay < this.#atOnce && this.#gathered.length > 0) void this.#commit(this.#take());
    });
  }

  /** As many as fit, and one at least. */
  #take(): P[] {
    let [messages, bytes, count] = [0, 0, 0];
    for (const it of this.#gathered) {
      messages += it.messages.length;
      bytes += it.messages.reduce((sum, { payload }) => sum + payload.length, 0);
      if (count > 0 && (messages > MOST_MESSAGES || bytes > MOST_BYTES)) break;
      count += 1;
    }
    return this.#gathered.splice(0, count);
  }

  async #commit(batch: readonly P[]): Promise<void> {
    this.#underWay += 1;
    await this.#carryOut(batch);
    this.#underWay -= 1;
    this.#commitSoon();
  }
}

/** The last sequence of each part, by that of the commit: it has its sequences without a gap. */
export function lastsOf(batch: readonly Part[], last: number): number[] {
  let sequence = last - batch.reduce((sum, it) => sum + it.messages.length, 0);
  return batch.map((it) => (sequence += it.messages.length));
}
