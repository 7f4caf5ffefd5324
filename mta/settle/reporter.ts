/**
 * Pays the debts of reports: for each message whose sender is owed one, composes it and puts it in the queue.
 *
 * A debt is made in the transaction of the outcome and paid in the transaction that puts the report, so after any crash
 * each failure is reported exactly once. A message is reported when all its recipients have been tried; what fails
 * later, after deferrals, comes in a further report when its time has come.
 */
import type { Clock, Duration, Timer } from '#lib/run/clock.ts';
import { hours, seconds } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import { newMessageId } from '../mail/message.ts';
import type { Claim, Queue } from '../queue/queue.ts';
import { composeReport } from './dsn.ts';

export interface ReporterOptions {
  readonly queue: Queue;
  readonly claim: Claim;
  readonly clock: Clock;
  readonly random: Random;
  readonly hostname: string;
  /** Told when a round failed; it is tried again. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

const ROUND: Duration = seconds(1);
/** Messages read at a time: each may be as large as a message can be. */
const AT_ONCE = 4;
/** Reports give up as other mail does. */
const LIFE: Duration = hours(72);

export class Reporter {
  readonly #options: ReporterOptions;
  #timer: Timer | undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** Looks for debts now and every second. */
  start(): void {
    this.#round = this.#payAll()
      .catch(this.#options.troubled)
      .then(() => {
        if (!this.#stopped) this.#timer = this.#options.clock.after(ROUND, () => this.start());
      });
  }

  /** Resolves when the debts that are being paid are. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#round;
  }

  async #payAll(): Promise<void> {
    const { queue, claim, clock, random, hostname } = this.#options;
    for (let full = true; full;) {
      const debts = await queue.unreported(claim, AT_ONCE);
      for (const owed of debts) {
        const now = clock.now();
        const context = { id: newMessageId(now, random), now, expiresAt: now + LIFE, hostname };
        await queue.report(claim, owed, await composeReport(owed, context));
      }
      full = debts.length === AT_ONCE && !this.#stopped;
    }
  }
}
