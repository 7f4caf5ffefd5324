/**
 * Follows a stream into something kept at hand: all that is there, then what comes, in order.
 *
 * What was read is taken in by groups, one after the other. When NATS is away it goes on where it was, once it is back.
 */
import { type Clock, type Duration, seconds, sleep } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Following } from '#lib/nats/following.ts';
import type { Streams } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';

export interface FollowerOptions {
  readonly streams: Pick<Streams, 'follow' | 'last' | 'readAll'>;
  readonly stream: string;
  /** Of all that is followed. */
  readonly subject: string;
  readonly headersOnly: boolean;
  /** The machine's. */
  readonly clock: Clock;
  /** Records, in order. */
  readonly takeIn: (records: readonly Stored[]) => Promise<void>;
  /** Told when it cannot go on for a while. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

interface Waiter {
  readonly sequence: number;
  resolve(): void;
  reject(thrown: unknown): void;
}

/** Records taken in together. */
const TOGETHER = 500;
const AGAIN_AFTER: Duration = seconds(1);

export class Follower {
  readonly #options: FollowerOptions;
  #last = 0;
  #gathered: Stored[] = [];
  #isTaking = false;
  #waiters: Waiter[] = [];
  #following: Following | undefined;
  #isStopped = false;

  private constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Resolves when all that is there has been taken in, and what comes is followed. */
  static async open(options: FollowerOptions): Promise<Follower> {
    const follower = new Follower(options);
    await follower.#readAll();
    void follower.#goOn();
    return follower;
  }

  /** The last record that has been taken in. */
  get last(): number {
    return this.#last;
  }

  /** Resolves when what lies there up to a sequence has been taken in; rejects when it is stopped before. */
  seen(sequence: number): Promise<void> {
    if (this.#last >= sequence) return Promise.resolve();
    if (this.#isStopped) return Promise.reject(stopped());
    return new Promise((resolve, reject) => this.#waiters.push({ sequence, resolve, reject }));
  }

  /** Whether all that was there when it was called has been taken in within this time; not when NATS is away. */
  async catchUp(within: Duration): Promise<boolean> {
    const late = sleep(this.#options.clock, within).then(() => false);
    const { streams, stream, subject } = this.#options;
    const caughtUp = async (): Promise<boolean> => {
      await this.seen((await streams.last(stream, subject))?.seq ?? 0);
      return true;
    };
    return Promise.race([caughtUp().catch(() => false), late]);
  }

  stop(): void {
    this.#isStopped = true;
    this.#following?.stop();
    for (const it of this.#waiters.splice(0)) it.reject(stopped());
  }

  async #readAll(): Promise<void> {
    const { streams, stream, subject, headersOnly } = this.#options;
    for await (const stored of streams.readAll({ stream, subject, headersOnly, from: 1 })) {
      if (this.#gathered.push(stored) >= TOGETHER) await this.#takeAll();
    }
    await this.#takeAll();
  }

  async #goOn(): Promise<void> {
    const { streams, stream, subject, headersOnly, clock, troubled } = this.#options;
    while (!this.#isStopped) {
      try {
        this.#following = await streams.follow({ stream, subject, headersOnly, from: this.#next });
        await this.#gather(this.#following);
      } catch (thrown) {
        if (!this.#isStopped) troubled(thrown);
      }
      if (!this.#isStopped) await sleep(clock, AGAIN_AFTER);
    }
  }

  /** The first sequence that has not been read. */
  get #next(): number {
    return (this.#gathered.at(-1)?.seq ?? this.#last) + 1;
  }

  async #gather(following: Following): Promise<void> {
    if (this.#isStopped) following.stop();
    for await (const stored of following) {
      this.#gathered.push(stored);
      if (!this.#isTaking) void this.#takeSoon();
    }
  }

  async #takeSoon(): Promise<void> {
    this.#isTaking = true;
    await Promise.resolve();
    try {
      await this.#takeAll();
    } catch (thrown) {
      // It stays gathered, and is taken in with what comes next.
      this.#options.troubled(thrown);
    }
    this.#isTaking = false;
  }

  async #takeAll(): Promise<void> {
    while (this.#gathered.length > 0 && !this.#isStopped) {
      const taken = this.#gathered.slice(0, TOGETHER);
      await this.#options.takeIn(taken);
      this.#gathered.splice(0, taken.length);
      this.#tell(taken.at(-1)?.seq ?? this.#last);
    }
  }

  #tell(sequence: number): void {
    this.#last = sequence;
    const told = this.#waiters.filter((it) => it.sequence <= sequence);
    if (told.length > 0) this.#waiters = this.#waiters.filter((it) => it.sequence > sequence);
    for (const it of told) it.resolve();
  }
}

const stopped = (): Fault => new Fault('storage-failed', 'the ledger is closed');
