/**
 * Judges limits: no site sees more connections or more messages than were declared for it.
 */
import type { FakeClock } from '#lib/run/fake-clock.ts';
import type { Duration } from '#lib/run/clock.ts';
import { type Site, siteAt } from './declared.ts';

/** Messages that may be late: granted, in hand of connections, and tried all at once when a slow site wakes up. */
const IN_HAND = 40;

interface Bucket {
  tokens: number;
  at: Duration;
}

export interface PaceSurroundings {
  readonly clock: FakeClock;
  readonly violate: (what: string) => void;
}

export class Pace {
  readonly #around: PaceSurroundings;
  readonly #buckets = new Map<string, Bucket>();

  constructor(around: PaceSurroundings) {
    this.#around = around;
  }

  opened(address: string, open: number): void {
    const site = siteAt(address);
    if (site && open > site.connections)
      this.#around.violate(`${site.name} has ${open} connections, of ${site.connections} that it may have`);
  }

  /** A message is tried: so many a second, and the burst again after each start of a process. */
  tried({ name, rate }: Site): void {
    if (!rate) return;
    const now = this.#around.clock.monotonic();
    const most = rate.burst + IN_HAND;
    const bucket = this.#buckets.get(name) ?? { tokens: most, at: now };
    const earned = ((now - bucket.at) * rate.perSecond) / 1000;
    const tokens = Math.min(bucket.tokens + earned, most) - 1;
    this.#buckets.set(name, { tokens, at: now });
    if (tokens < 0) this.#around.violate(`${name} is sent more than ${rate.perSecond} messages a second`);
  }

  /** A process that begins knows nothing of what was sent just before. */
  forget(): void {
    this.#buckets.clear();
  }
}
