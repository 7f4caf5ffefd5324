/**
 * Keeps what quotas have counted over restarts: reads it at the start, writes what has changed every few seconds and when
 * it stops.
 *
 * No message waits for it. After a kill the counts of the last `PACE` are missing, which errs for the sender; after a
 * clean stop none are.
 */
import type { Clock, Duration, Timer } from '#lib/run/clock.ts';
import { seconds } from '#lib/run/clock.ts';
import type { Usage } from '../settle/ledger/usage.ts';
import { Quotas } from './quota.ts';

export interface QuotaKeeperOptions {
  readonly usage: Usage;
  readonly clock: Clock;
  /** Told when counts could not be written; they are written with the next. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

const PACE: Duration = seconds(5);

export class QuotaKeeper {
  readonly quotas: Quotas;
  readonly #options: QuotaKeeperOptions;
  #timer: Timer;
  #writing: Promise<void> = Promise.resolve();
  #isStopped = false;

  private constructor(options: QuotaKeeperOptions, quotas: Quotas) {
    this.#options = options;
    this.quotas = quotas;
    this.#timer = options.clock.after(PACE, () => this.#turn());
  }

  static async open(options: QuotaKeeperOptions): Promise<QuotaKeeper> {
    return new QuotaKeeper(options, new Quotas(await options.usage.read()));
  }

  /** Resolves when everything counted is durable, or cannot be written. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer.cancel();
    await this.#writing;
    await this.#write();
  }

  #turn(): void {
    this.#writing = this.#write().then(() => {
      if (!this.#isStopped) this.#timer = this.#options.clock.after(PACE, () => this.#turn());
    });
  }

  async #write(): Promise<void> {
    const changed = this.quotas.changed();
    if (changed.length === 0) return;
    try {
      await this.#options.usage.write(changed);
    } catch (thrown) {
      this.quotas.unwritten(changed);
      this.#options.troubled(thrown);
    }
  }
}
