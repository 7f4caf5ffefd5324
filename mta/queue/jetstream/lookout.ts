/**
 * Looks every half minute whether what is answered for is still durable: how each server is set, and each stream.
 *
 * A server that does not answer is as it was when it was seen last: one that restarts holds up nobody. One that was never seen is
 * unknown. Streams that somebody changed so that mail is lost refuse what is put, whatever was promised.
 */
import { type Clock, type Duration, seconds, type Timer } from '#lib/run/clock.ts';
import { codeOf, Fault } from '#lib/run/fault.ts';
import { lookAtServer, type ServerSeen } from '#lib/nats/monitor.ts';
import type { Durability } from '#lib/nats/report.ts';
import type { About } from '#lib/nats/streams.ts';
import { doubtsOf, durabilityOf } from './durability.ts';
import type { Layout } from './layout.ts';
import { differencesOf, type StreamSizes, wantedOf } from './streams.ts';

const LOOK_EVERY: Duration = seconds(30);

export interface LookoutOptions {
  readonly streams: { about(stream: string): Promise<Pick<About, 'config' | 'servers'>> };
  readonly layout: Layout;
  readonly sizes: StreamSizes;
  /** Where servers say how they are set: `http://host:8222`. */
  readonly monitors: readonly string[];
  /** The server that is spoken to. */
  readonly server: () => string;
  /** `answered`: what was answered for may be lost when servers lose their power. */
  readonly promise: 'synced' | 'answered';
  /** The machine's. */
  readonly clock: Clock;
  /** Told of all doubts when they have changed. Must not throw. */
  readonly doubtful?: ((doubts: readonly string[]) => void) | undefined;
}

export class Lookout {
  readonly #options: LookoutOptions;
  readonly #seen = new Map<string, ServerSeen>();
  #doubts: readonly string[] = ['nobody has seen yet how the NATS servers are set'];
  #durability: Durability = 'Unknown';
  #changed: readonly string[] = [];
  #timer: Timer | undefined;

  constructor(options: LookoutOptions) {
    this.#options = options;
  }

  /** Why what was answered for may be lost; none: it is not. */
  get doubts(): readonly string[] {
    return [...this.#changed, ...this.#doubts];
  }

  get durability(): Durability {
    return this.#changed.length > 0 ? 'Weaker' : this.#durability;
  }

  /** Why nothing may be put now: `nats-settings`, `nats-not-durable`. */
  refusal(): Fault | undefined {
    const [changed] = this.#changed;
    if (changed !== undefined) return new Fault('nats-settings', changed);
    const [doubt] = this.#options.promise === 'synced' ? this.#doubts : [];
    return doubt === undefined ? undefined : new Fault('nats-not-durable', doubt);
  }

  /** Looks now, and again every half minute until it is closed. */
  async begin(): Promise<void> {
    await this.look();
    this.#lookLater();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async look(): Promise<void> {
    const before = this.doubts.join('\n');
    await this.#lookAtServers();
    try {
      await this.#lookAtStreams();
    } catch (thrown) {
      // Who cannot answer stores nothing either.
      if (codeOf(thrown) !== 'nats-failed') throw thrown;
    }
    if (this.doubts.join('\n') !== before) this.#options.doubtful?.(this.doubts);
  }

  #lookLater(): void {
    this.#timer = this.#options.clock.after(LOOK_EVERY, () => {
      void this.look().finally(() => this.#timer && this.#lookLater());
    });
  }

  async #lookAtServers(): Promise<void> {
    const { monitors, clock } = this.#options;
    const looked = await Promise.allSettled(monitors.map((it) => lookAtServer(it, clock)));
    for (const [at, it] of looked.entries())
      if (it.status === 'fulfilled') this.#seen.set(monitors[at] ?? '', it.value);
  }

  async #lookAtStreams(): Promise<void> {
    const { streams, layout, sizes, server } = this.#options;
    const wanted = wantedOf(layout, sizes);
    const abouts = await Promise.all(wanted.map((it) => aboutOrGone(streams, it.name)));
    this.#changed = wanted.flatMap((it, at) => {
      const config = abouts[at]?.config;
      const problems = config ? differencesOf(it, config) : ['it is gone, with all that was in it'];
      return problems.map(
        (problem) => `stream ${it.name}: ${problem}; change it (nats stream edit), or restart what uses it`,
      );
    });
    const keeping = [...new Set([server(), ...abouts.flatMap((it) => it?.servers ?? [])])];
    const seen = [...this.#seen.values()];
    [this.#doubts, this.#durability] = [doubtsOf(seen, keeping), durabilityOf(seen, keeping)];
  }
}

/** Undefined when there is none of that name. */
async function aboutOrGone(streams: LookoutOptions['streams'], name: string) {
  try {
    return await streams.about(name);
  } catch (thrown) {
    if (codeOf(thrown) === 'nats-no-stream') return undefined;
    throw thrown;
  }
}
