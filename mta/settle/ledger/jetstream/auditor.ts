/**
 * Compares what this process knows with the streams, every minute, and says so: how far it is behind what was there a minute
 * before, and how many facts the view has otherwise than the stream.
 *
 * The facts are gone through a page at a time, over and over. What differs is a bug or a damaged file, and is told of; mail goes on.
 */
import type { Clock, Duration, Timer } from '#lib/run/clock.ts';
import { minutes } from '#lib/run/clock.ts';
import type { Position } from '../../../queue/jetstream/history.ts';

/** Last records, of the streams or of what is known of them. */
export interface Ends extends Position {
  readonly facts: number;
  readonly returned: number;
}

/** What the ledger is behind with, in records. */
export type Behind = Readonly<Record<'facts' | 'returned' | 'events', number>>;

export interface AuditorOptions {
  /** The machine's. */
  readonly ioClock: Clock;
  /** As the streams' leaders say. */
  readonly ends: () => Promise<Ends>;
  /** As far as this process knows, and as events are copied. */
  readonly known: () => Promise<Ends>;
  /** Compares the facts after a record; how many differ, and after which record to go on; 0: from the beginning. */
  readonly compare: (after: number) => Promise<{ readonly differing: number; readonly next: number }>;
  /** Told when nothing can be compared. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

const PACE: Duration = minutes(1);

/** What was there a minute before is to be known now. */
export const behindOf = (before: Ends, known: Ends): Behind => ({
  facts: Math.max(0, before.facts - known.facts),
  returned: Math.max(0, before.returned - known.returned),
  events: Math.max(0, before.log - known.log) + Math.max(0, before.done - known.done),
});

export class Auditor {
  readonly #options: AuditorOptions;
  #behind: Behind = { facts: 0, returned: 0, events: 0 };
  #before: Ends | undefined;
  #after = 0;
  /** Since the facts were begun with, and when they were gone through the last time. */
  #counted = 0;
  #differing = 0;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  get behind(): Behind {
    return this.#behind;
  }

  /** Facts that the view has otherwise than the stream. */
  get differing(): number {
    return Math.max(this.#differing, this.#counted);
  }

  start(): void {
    if (this.#isStopped) return;
    this.#timer = this.#options.ioClock.after(PACE, () => {
      void this.audit()
        .catch((thrown: unknown) => {
          if (!this.#isStopped) this.#options.troubled(thrown);
        })
        .then(() => this.start());
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async audit(): Promise<void> {
    const { ends, known, compare } = this.#options;
    const now = await known();
    if (this.#before) this.#behind = behindOf(this.#before, now);
    this.#before = await ends();
    const { differing, next } = await compare(this.#after);
    this.#counted += differing;
    this.#after = next;
    if (next !== 0) return;
    this.#differing = this.#counted;
    this.#counted = 0;
  }
}
