/**
 * One holder's contact with the Redis that limits are shared through: says each second that it lives, and knows whether
 * Redis can be reached.
 *
 * Away is: never reached, no connection, or no beat answered within two seconds. It ends with the next beat that is
 * answered. Whoever holds something there is told when the server knows less than before, and says again what it holds before
 * anything else is asked.
 */
import { type Clock, type Duration, seconds, type Timer } from '#lib/run/clock.ts';
import { reasonOf } from '#lib/run/fault.ts';
import type { Redis, Script } from '#lib/redis/redis.ts';
import { BEAT, LEAVE } from './scripts.ts';

export interface ContactOptions {
  readonly redis: Redis;
  readonly clock: Clock;
  /** Its name among the holders: another after each start. */
  readonly holder: string;
  /** What all keys begin with: whoever has the same shares the limits. */
  readonly prefix: string;
  /** How many holders there are meant to be, for as long as nobody has counted them. */
  readonly expected: number;
  /** Told when Redis is away, with the reason, and when it is back, without. Must not throw. */
  readonly told: (away: string | undefined) => void;
}

/** After so long without a beat a holder is dead, and what it held is free. */
export const LEASE: Duration = seconds(10);
/** After the state of a server began: so long everybody has to say what they hold. */
export const ROLL_CALL: Duration = seconds(2);

const BEAT_EVERY: Duration = seconds(1);
const SILENCE: Duration = seconds(2);

export interface Heard {
  /** The server may know less than before, or has thought this holder dead. */
  readonly isNew: boolean;
  /** Names under which somebody waits for a connection. */
  readonly wanted: readonly string[];
}

export class Contact {
  readonly holder: string;
  readonly #options: ContactOptions;
  readonly #listeners: ((heard: Heard) => void)[] = [];
  #holders: number;
  #state = '';
  #heardAt: Duration;
  #awaySince: Duration | undefined;
  #why = '';
  #isTold = false;
  #isBeating = false;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: ContactOptions) {
    this.#options = options;
    this.holder = options.holder;
    this.#holders = options.expected;
    this.#heardAt = options.clock.monotonic() - SILENCE;
    this.#awaySince = options.clock.monotonic();
  }

  /** Begins to beat; to be called once, when all listen. */
  start(): void {
    this.#options.redis.onReady(() => void this.#beat());
    this.#again();
  }

  /** Calls `listener` after each beat that was answered. Must not throw. */
  onBeat(listener: (heard: Heard) => void): void {
    this.#listeners.push(listener);
  }

  /** Since when Redis is away, monotonic; undefined while it can be reached. */
  get awaySince(): Duration | undefined {
    return this.#awaySince;
  }

  /** How many live, as far as is known. */
  get holders(): number {
    return this.#holders;
  }

  key(kind: 'server' | 'holders' | 'wanted'): string {
    return `${this.#options.prefix}:${kind}`;
  }

  keyOf(kind: 'rate' | 'budget' | 'slots', name: string): string {
    return `${this.#options.prefix}:${kind}:${name}`;
  }

  /** What a script answers; undefined when that is unknown. */
  async run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply | undefined> {
    try {
      return new Reply(await this.#options.redis.run(script, keys, args));
    } catch (thrown) {
      this.#missed(reasonOf(thrown));
      return undefined;
    }
  }

  /** Beats no more, and is forgotten by the server. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.run(LEAVE, [this.key('holders')], [this.holder]);
    this.#options.redis.close();
  }

  #again(): void {
    this.#timer = this.#options.clock.after(BEAT_EVERY, () => {
      void this.#beat();
      if (!this.#isClosed) this.#again();
    });
  }

  async #beat(): Promise<void> {
    if (this.#isBeating || this.#isClosed) return;
    this.#isBeating = true;
    const keys = [this.key('server'), this.key('holders'), this.key('wanted')];
    const reply = await this.run(BEAT, keys, [this.holder, LEASE]);
    this.#isBeating = false;
    if (this.#isClosed) return;
    if (reply) this.#hear(reply);
    else if (this.#awaySince !== undefined) this.#tell();
  }

  #hear(reply: Reply): void {
    const { clock } = this.#options;
    const state = reply.text(0);
    const isNew = state !== this.#state || reply.number(1) === 1;
    const wasAway = this.#awaySince !== undefined;
    this.#state = state;
    this.#heardAt = clock.monotonic();
    this.#holders = reply.number(2);
    this.#awaySince = undefined;
    for (const listener of this.#listeners) listener({ isNew, wanted: reply.list(3) });
    if (!wasAway) return;
    this.#isTold = false;
    this.#options.told(undefined);
  }

  #missed(why: string): void {
    const { clock, redis } = this.#options;
    this.#why = why;
    if (this.#awaySince !== undefined || this.#isClosed) return;
    const now = clock.monotonic();
    if (redis.isReady && now - this.#heardAt < SILENCE) return;
    this.#awaySince = now;
    this.#tell();
  }

  /** Once each time; of a Redis that is not there at the start when a beat was missed. */
  #tell(): void {
    if (!this.#isTold) this.#options.told(this.#why);
    this.#isTold = true;
  }
}

/** What a script returned: text, whole numbers, lists. */
export class Reply {
  readonly #values: readonly unknown[];

  constructor(value: unknown) {
    this.#values = Array.isArray(value) ? value : [value];
  }

  text(at: number): string {
    return String(this.#values[at]);
  }

  number(at: number): number {
    return Number(this.#values[at]);
  }

  list(at: number): readonly string[] {
    const value = this.#values[at];
    return Array.isArray(value) ? value.map(String) : [];
  }
}
