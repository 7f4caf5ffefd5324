/**
 * Limits of several processes on one real Redis, all in this process and on one clock that the test moves.
 */
import { minutes, seconds, type Duration } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { openRedis } from '#lib/redis/redis.ts';
import { RedisLimits } from '#mta/schedule/limits/redis.ts';
import { FakeNotebook } from './notebook.ts';
import { RedisOnClock } from './redis-on-clock.ts';
import type { RedisServer } from './redis.ts';
import { until } from './until.ts';

export interface Holder {
  readonly redis: RedisOnClock;
  readonly limits: RedisLimits;
  readonly notebook: FakeNotebook;
  /** What it was told of Redis: why it is away, or that it is back. */
  readonly told: (string | undefined)[];
}

/** As a process lives: everything that is done every few seconds is. */
const STEP: Duration = seconds(1);

export class SharedLimitsOnClock {
  readonly clock = new FakeClock();
  readonly holders: Holder[] = [];
  readonly #server: RedisServer;
  readonly #prefix: string;

  private constructor(server: RedisServer, prefix: string) {
    this.#server = server;
    this.#prefix = prefix;
  }

  /** Holders that have been there for so long that the beginning of the state counts no more. */
  static async open(server: RedisServer, prefix: string, holders: number): Promise<SharedLimitsOnClock> {
    const shared = new SharedLimitsOnClock(server, prefix);
    for (let at = 0; at < holders; at += 1) shared.join(`holder ${at}`);
    await shared.reachable();
    await shared.pass(minutes(11), seconds(3));
    return shared;
  }

  /** A machine that stands still for a moment is no failure here: answers may take seconds. */
  join(holder: string, notebook = new FakeNotebook()): Holder {
    const { clock } = this;
    const redis = new RedisOnClock(openRedis({ url: this.#server.url, patience: seconds(5) }), clock);
    const told: (string | undefined)[] = [];
    const tell = (away: string | undefined): void => void told.push(away);
    const options = { redis, clock, holder, prefix: this.#prefix, expected: 2, notebook, told: tell };
    const joined = { redis, limits: new RedisLimits(options), notebook, told };
    this.holders.push(joined);
    return joined;
  }

  /** Resolves when everybody has heard from the server that is there now. */
  async reachable(): Promise<void> {
    await until('everybody has heard from Redis', async () => {
      await this.settle();
      this.clock.advance(10);
      return this.holders.every(({ redis, limits }) => redis.isReady && limits.state.isReachable);
    });
    await this.pass(seconds(2));
  }

  async settle(): Promise<void> {
    await Promise.all(this.holders.map(({ redis }) => redis.settle()));
  }

  async pass(length: Duration, step: Duration = STEP): Promise<void> {
    const end = this.clock.monotonic() + length;
    while (this.clock.monotonic() < end) {
      this.clock.advance(Math.min(step, end - this.clock.monotonic()));
      await this.settle();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.holders.map(({ limits }) => limits.close()));
  }
}
