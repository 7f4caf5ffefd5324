/**
 * Whether there is room to put: the last 15 % of each stream are for what becomes of mail that is there, and for reports of it.
 *
 * Looked at once a second while somebody puts, beside the putting and not on its way: what comes within that second is little of
 * 15 %. When nobody can say, it is as it was.
 */
import { type Clock, type Duration, seconds } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { About } from '#lib/nats/streams.ts';
import type { Layout } from './layout.ts';
import { isCrowded } from './trim.ts';

const LOOK_EVERY: Duration = seconds(1);

export class Room {
  readonly #about: (stream: string) => Promise<Pick<About, 'bytes' | 'mostBytes'>>;
  readonly #layout: Layout;
  readonly #clock: Clock;
  #lookedAt: Duration = -Infinity;
  #isLooking = false;
  #refusal: Fault | undefined;

  /** `clock` is the machine's. */
  constructor(
    streams: { about(stream: string): Promise<Pick<About, 'bytes' | 'mostBytes'>> },
    layout: Layout,
    clock: Clock,
  ) {
    this.#about = (stream) => streams.about(stream);
    this.#layout = layout;
    this.#clock = clock;
  }

  /** Why nothing may be put now: `storage-full`. To be asked before each put. */
  refusal(): Fault | undefined {
    if (!this.#isLooking && this.#clock.monotonic() - this.#lookedAt >= LOOK_EVERY) void this.look();
    return this.#refusal;
  }

  async look(): Promise<void> {
    this.#isLooking = true;
    try {
      const { log, done } = this.#layout;
      const crowded = await this.#crowdedOf([log, done]);
      this.#refusal = crowded === undefined ? undefined : full(crowded);
    } catch {
      // Servers that do not answer store nothing either: whoever puts hears of it.
    } finally {
      this.#isLooking = false;
      this.#lookedAt = this.#clock.monotonic();
    }
  }

  async #crowdedOf(streams: readonly string[]): Promise<string | undefined> {
    const abouts = await Promise.all(streams.map((it) => this.#about(it)));
    return streams.find((_, at) => isCrowded(abouts[at] ?? { bytes: 0, mostBytes: -1 }));
  }
}

const full = (stream: string): Fault =>
  new Fault(
    'storage-full',
    `stream ${stream} is full but for what becomes of mail that is there: raise its max_bytes, or wait until mail has left`,
  );
