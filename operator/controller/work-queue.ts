/**
 * Keys to be worked on: each once however often it was added, never two at a time of one key, a few of all at a time.
 *
 * A key that is added while it is worked on is worked on once more afterwards. A key whose work failed comes again after a
 * pause that doubles, from 5 ms to 5 minutes, and from the beginning after the next success. A key that asks for a later
 * time comes then, or sooner when it is added. The order is that of adding: a key that fails holds nobody up.
 *
 * Left to others: what a key means, and what is done about it. `work` tells a failure by rejecting.
 */
import { type Clock, type Duration, milliseconds, minutes, type Timer } from '#lib/run/clock.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** How many keys are worked on at a time. */
  readonly concurrency: number;
  readonly work: (key: string) => Promise<Worked>;
  readonly observer?: WorkObserver;
}

/** `again`: after this long, whatever happens. */
export type Worked = { readonly kind: 'done'; readonly again?: Duration } | { readonly kind: 'conflict' };

export interface WorkObserver {
  added(): void;
  /** It had waited so long since it was added. */
  started(waited: Duration): void;
  ended(result: WorkResult, lasted: Duration): void;
  retried(): void;
  /** Why work was rejected. */
  failed(key: string, thrown: unknown): void;
}

export type WorkResult = 'success' | 'requeue_after' | 'requeue' | 'error';

const FIRST_PAUSE: Duration = milliseconds(5);
const LONGEST_PAUSE: Duration = minutes(5);

export const pauseAfter = (failures: number): Duration => Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE);

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** Since when each waits, in the order in which they were added. */
  readonly #waiting = new Map<string, Duration>();
  readonly #working = new Map<string, Duration>();
  readonly #dirty = new Set<string>();
  readonly #later = new Map<string, { timer: Timer; due: Duration }>();
  readonly #failures = new Map<string, number>();
  readonly #idle: (() => void)[] = [];
  #isOpen = true;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** How many keys wait to be worked on now. */
  get depth(): number {
    return this.#waiting.size + this.#dirty.size;
  }

  get working(): number {
    return this.#working.size;
  }

  /** How long all work that is under way has lasted, and the longest of it. */
  unfinished(): { readonly all: Duration; readonly longest: Duration } {
    const now = this.#options.clock.monotonic();
    const lasted = [...this.#working.values()].map((began) => now - began);
    return { all: lasted.reduce((sum, it) => sum + it, 0), longest: Math.max(0, ...lasted) };
  }

  /** Harmless twice. */
  add(key: string): void {
    if (!this.#isOpen || this.#waiting.has(key) || this.#dirty.has(key)) return;
    this.#options.observer?.added();
    if (this.#working.has(key)) return void this.#dirty.add(key);
    this.#forgetLater(key);
    this.#waiting.set(key, this.#options.clock.monotonic());
    this.#start();
  }

  /** Adds it in a while; of several whiles the shortest holds. */
  addAfter(key: string, delay: Duration): void {
    if (!this.#isOpen) return;
    const due = this.#options.clock.monotonic() + delay;
    const before = this.#later.get(key);
    if (before && before.due <= due) return;
    before?.timer.cancel();
    this.#later.set(key, { due, timer: this.#options.clock.after(delay, () => this.#comesDue(key)) });
  }

  /** Starts nothing more. Resolves when what is under way has ended; harmless twice. */
  async close(): Promise<void> {
    this.#isOpen = false;
    for (const { timer } of this.#later.values()) timer.cancel();
    this.#later.clear();
    this.#waiting.clear();
    this.#dirty.clear();
    if (this.#working.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #comesDue(key: string): void {
    this.#later.delete(key);
    this.add(key);
  }

  #forgetLater(key: string): void {
    this.#later.get(key)?.timer.cancel();
    this.#later.delete(key);
  }

  #start(): void {
    for (const [key, since] of this.#waiting) {
      if (this.#working.size >= this.#options.concurrency) return;
      this.#waiting.delete(key);
      void this.#work(key, since);
    }
  }

  async #work(key: string, since: Duration): Promise<void> {
    const { clock, observer, work } = this.#options;
    const began = clock.monotonic();
    this.#working.set(key, began);
    observer?.started(began - since);
    let result: WorkResult;
    try {
      result = this.#worked(key, await work(key));
    } catch (thrown) {
      observer?.failed(key, thrown);
      result = this.#retry(key, 'error');
    }
    observer?.ended(result, clock.monotonic() - began);
    this.#end(key);
  }

  #worked(key: string, worked: Worked): WorkResult {
    if (worked.kind === 'conflict') return this.#retry(key, 'requeue');
    this.#failures.delete(key);
    if (worked.again === undefined) return 'success';
    this.addAfter(key, worked.again);
    return 'requeue_after';
  }

  #retry(key: string, result: WorkResult): WorkResult {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#options.observer?.retried();
    this.addAfter(key, pauseAfter(failures));
    return result;
  }

  #end(key: string): void {
    this.#working.delete(key);
    if (this.#dirty.delete(key)) {
      this.#forgetLater(key);
      this.#waiting.set(key, this.#options.clock.monotonic());
    }
    this.#start();
    if (this.#working.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
