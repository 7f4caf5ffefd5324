/**
 * Counts recipients against quotas together with other processes that take mail, in Redis.
 *
 * Each message that has a quota is one script, on the server's clock: counted for every claim or for none. What this process
 * has counted it knows by itself as well (`quota.ts`, kept over restarts), and says it to a server that knows less. While Redis
 * is away, or has just begun, this process counts alone and allows its part of what was left when it heard of the others last.
 */
import type { Redis } from '#lib/redis/redis.ts';
import type { Instant } from '#lib/run/clock.ts';
import { COUNT, TELL, UNCOUNT } from './quota-scripts.ts';
import {
  type Exceeded,
  exceededBy,
  type Limit,
  limitsOf,
  type QuotaClaim,
  type QuotaCount,
  type Quotas,
  tooMuch,
} from './quota.ts';

export interface SharedQuotasOptions {
  readonly redis: Redis;
  /** What this process counts, and has counted before. */
  readonly own: Quotas;
  /** Its name among those that count; the same after a restart. */
  readonly holder: string;
  /** What all keys begin with. */
  readonly prefix: string;
  /** How many processes take mail. */
  readonly processes: number;
}

type Verdict =
  | { readonly kind: 'counted' | 'behind' | 'away' }
  | { readonly kind: 'exceeded'; readonly limit: Limit; readonly oldest: number };

/** What was counted when Redis was heard the last time. */
interface Known {
  readonly mine: number;
  readonly others: number;
  readonly at: Instant;
}

const NOTHING: Omit<Known, 'at'> = { mine: 0, others: 0 };

export class SharedQuotas implements QuotaCount {
  readonly #options: SharedQuotasOptions;
  /** As many as have been counted; who counts is declared. */
  readonly #known = new Map<string, Known>();

  constructor(options: SharedQuotasOptions) {
    this.#options = options;
    options.redis.onReady(() => void this.#tell(options.own.subjects()));
  }

  take(claims: readonly QuotaClaim[], amount: number, now: Instant): undefined | Promise<Exceeded | undefined> {
    const limits = limitsOf(claims);
    return limits.length === 0 ? undefined : this.#take(claims, limits, amount, now);
  }

  giveBack(claims: readonly QuotaClaim[], amount: number, then: Instant): void {
    this.#options.own.giveBack(claims, amount, then);
    for (const { subject, window } of limitsOf(claims)) {
      const field = `${Math.floor(then / window.part)}:${this.#options.holder}`;
      void this.#run(UNCOUNT, [this.#keyOf(window.name, subject)], [field, amount]);
    }
  }

  async #take(claims: readonly QuotaClaim[], limits: readonly Limit[], amount: number, now: Instant) {
    const small = tooMuch(limits, amount);
    if (small) return small;
    let verdict = await this.#count(limits, amount, now);
    if (verdict.kind === 'behind') {
      await this.#tell(limits);
      verdict = await this.#count(limits, amount, now, true);
    }
    if (verdict.kind === 'exceeded') return exceededBy(verdict.limit, verdict.oldest, now);
    if (verdict.kind !== 'counted') return this.#alone(claims, limits, amount, now);
    this.#options.own.count(claims, amount, now);
    return undefined;
  }

  /** Redis may be back long before what was counted counts no more. */
  #alone(claims: readonly QuotaClaim[], limits: readonly Limit[], amount: number, now: Instant): Exceeded | undefined {
    const { own } = this.#options;
    const full = limits.find((it) => own.used(it.subject, it.window, now) + amount > this.#part(it, now));
    if (full)
      return { subject: full.subject, limit: full.limit, window: full.window.name, retryAfter: full.window.part };
    own.count(claims, amount, now);
    return undefined;
  }

  /** How much of its own this process may count alone: its part of what was left when it heard of the others last. */
  #part({ subject, window, limit }: Limit, now: Instant): number {
    const known = this.#known.get(this.#keyOf(window.name, subject));
    const { mine, others } = known && now - known.at < window.part * window.parts ? known : NOTHING;
    return mine + Math.max(Math.floor((limit - others - mine) / this.#options.processes), 0);
  }

  #know({ subject, window }: Limit, mine: number, others: number, at: Instant): void {
    this.#known.set(this.#keyOf(window.name, subject), { mine, others, at });
  }

  async #count(limits: readonly Limit[], amount: number, now: Instant, isTold = false): Promise<Verdict> {
    const { own, holder } = this.#options;
    const keys = limits.map(({ window, subject }) => this.#keyOf(window.name, subject));
    const args = limits.flatMap(({ limit, window, subject }) => [
      limit,
      window.part,
      window.parts,
      isTold ? 0 : own.used(subject, window, now),
    ]);
    const reply = await this.#run(COUNT, [`${this.#options.prefix}:began`, ...keys], [holder, amount, ...args]);
    if (!Array.isArray(reply)) return { kind: 'away' };
    const [kind, ...values] = reply.map(Number);
    const mine = (it: Limit): number => own.used(it.subject, it.window, now);
    const exceeded = kind === 1 ? limits[values[0] ?? 0] : undefined;
    if (exceeded) {
      this.#know(exceeded, mine(exceeded), exceeded.limit - mine(exceeded), now);
      return { kind: 'exceeded', limit: exceeded, oldest: values[1] ?? 0 };
    }
    if (kind !== 0) return { kind: kind === 2 ? 'behind' : 'away' };
    for (const [at, it] of limits.entries()) this.#know(it, mine(it) + amount, values[at] ?? 0, now);
    return { kind: 'counted' };
  }

  /** Everything this process has counted for them. */
  async #tell(subjects: readonly Pick<Limit, 'subject' | 'window'>[]): Promise<void> {
    const { own, holder } = this.#options;
    for (const { subject, window } of subjects) {
      const counted = own.parts(subject, window);
      const keep = window.part * (window.parts + 2);
      const fields = counted.flatMap(([part, count]) => [`${part}:${holder}`, count]);
      if (fields.length > 0) await this.#run(TELL, [this.#keyOf(window.name, subject)], [keep, ...fields]);
    }
  }

  #keyOf(window: string, subject: string): string {
    return `${this.#options.prefix}:${window}:${subject}`;
  }

  #run(...of: Parameters<Redis['run']>): Promise<unknown> {
    return this.#options.redis.run(...of).catch(() => undefined);
  }
}
