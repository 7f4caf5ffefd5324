/**
 * A real Redis whose scripts read the time from a test's clock, and that tells when nothing is under way. A test may cut it
 * off, and set its clock.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Duration } from '#lib/run/clock.ts';
import type { FakeClock } from '#lib/run/fake-clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Redis, Script } from '#lib/redis/redis.ts';

/** Where scripts read the time. */
const TIME = "redis.call('TIME')";
/** As seconds and microseconds behind all arguments. */
const GIVEN = '{ARGV[#ARGV - 1], ARGV[#ARGV]}';

export class RedisOnClock implements Redis {
  readonly #redis: Redis;
  readonly #clock: FakeClock;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #listeners: (() => void)[] = [];
  #isCut = false;
  /** How far the server's clock is ahead of the test's. */
  skew: Duration = 0;

  constructor(redis: Redis, clock: FakeClock) {
    this.#redis = redis;
    this.#clock = clock;
  }

  async run({ name, lua }: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    if (this.isCut) throw new Fault('redis-away', 'Redis is away: the test has cut it off');
    const now = this.#clock.now() + this.skew;
    const time = [Math.floor(now / 1000), Math.round((now % 1000) * 1000)];
    const running = this.#redis.run({ name, lua: lua.replace(TIME, GIVEN) }, keys, [...args, ...time]);
    this.#underWay.add(running);
    try {
      return await running;
    } finally {
      this.#underWay.delete(running);
    }
  }

  /** Resolves when every script has been answered, and what follows of the answers as well. */
  async settle(): Promise<void> {
    do {
      await Promise.allSettled(this.#underWay);
      // What is asked at the end of a turn, and of its answers.
      await turn();
      await turn();
    } while (this.#underWay.size > 0);
  }

  /** While it is true nobody can be reached; then there is a connection again. */
  set isCut(isCut: boolean) {
    this.#isCut = isCut;
    if (!isCut) for (const listener of this.#listeners) listener();
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  onReady(listener: () => void): void {
    this.#listeners.push(listener);
    this.#redis.onReady(listener);
  }

  get isReady(): boolean {
    return this.#redis.isReady && !this.isCut;
  }

  get trouble(): string | undefined {
    return this.#redis.trouble;
  }

  close(): void {
    this.#redis.close();
  }
}
