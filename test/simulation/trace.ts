/**
 * What happened in a run, for people and as one hash: two runs of a seed are the same when their hashes are.
 */
import { createHash } from 'node:crypto';
import type { FakeClock } from '#lib/run/fake-clock.ts';

/** Lines kept for whoever looks at a failure. */
const KEPT = 400;

export class Trace {
  readonly #clock: FakeClock;
  readonly #hash = createHash('sha256');
  /** The newest lines. */
  readonly lines: string[] = [];
  /** How often each kind of fault struck. */
  readonly faults = new Map<string, number>();
  /** Every state that was seen, each once. */
  readonly states = new Set<string>();

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  note(what: string): void {
    const line = `${(this.#clock.monotonic() / 1000).toFixed(4)} ${what}`;
    this.#hash.update(line);
    if (this.lines.push(line) > 2 * KEPT) this.lines.splice(0, KEPT);
  }

  fault(kind: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
    this.note(`fault: ${kind}`);
  }

  state(what: string): void {
    this.states.add(what);
  }

  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}
