/**
 * Limits counted in this process, for the one machine that sends alone.
 *
 * A rate begins anew with the process, so it may spend its burst once more after a restart; what is spent of a budget is
 * noted, and goes on.
 */
import type { Clock, Duration, Instant } from '#lib/run/clock.ts';
import type { Notebook } from '../../mail/notebook.ts';
import { giveBack, NEVER_USED, take, type UsedUntil } from '../../mail/gcra.ts';
import type { BudgetClaim, Claim, Full, Grant, Limits, RateClaim, Slot, SlotClaim } from './limits.ts';
import { OpenSlots } from './open-slots.ts';

interface Budget {
  spent: number;
  readonly ends: Instant;
}

/** Calls between two looks for what can be forgotten. */
const SWEEP_EVERY = 10_000;

export class LocalLimits implements Limits {
  readonly #clock: Clock;
  readonly #notebook: Notebook;
  readonly #rates = new Map<string, UsedUntil>();
  readonly #budgets = new Map<string, Budget>();
  readonly #slots = new OpenSlots();
  #calls = 0;

  constructor(clock: Clock, notebook: Notebook) {
    this.#clock = clock;
    this.#notebook = notebook;
    for (const { key, value, until } of notebook.notes) this.#budgets.set(key, { spent: Number(value), ends: until });
  }

  take(claims: readonly Claim[], max: number): Grant {
    this.#sweep();
    let granted = max;
    let wait: Duration = 0;
    for (const claim of claims) {
      const room = this.#roomOf(claim, max);
      if (room.granted < max) wait = Math.max(wait, room.wait);
      granted = Math.min(granted, room.granted);
    }
    if (granted > 0) for (const claim of claims) this.#use(claim, granted);
    return { granted, wait };
  }

  giveBack(claims: readonly Claim[], count: number): void {
    for (const claim of claims) {
      if (claim.kind === 'budget') {
        this.#spend(claim, -count);
      } else this.#rates.set(claim.name, giveBack(this.#usedUntil(claim), claim.rate, count));
    }
  }

  room(claim: Claim, max: number): Grant {
    const { granted, wait } = this.#roomOf(claim, max);
    return { granted: Math.min(granted, max), wait: granted >= max ? 0 : wait };
  }

  connect(claims: readonly SlotClaim[]): Slot | Full {
    return this.#slots.full(claims) ?? this.#slots.open(claims);
  }

  used(name: string): number {
    return this.#slots.used(name);
  }

  /** How many names are counted now. */
  get size(): number {
    return this.#rates.size + this.#budgets.size + this.#slots.size;
  }

  #usedUntil({ name }: RateClaim): UsedUntil {
    return this.#rates.get(name) ?? NEVER_USED;
  }

  #roomOf(claim: Claim, max: number): Grant {
    return claim.kind === 'rate' ? this.#roomOfRate(claim, max) : this.#roomOfBudget(claim);
  }

  #roomOfRate(claim: RateClaim, max: number): Grant {
    const now = this.#clock.monotonic();
    const { granted, again } = take(this.#usedUntil(claim), claim.rate, max, now);
    return { granted, wait: again - now };
  }

  #roomOfBudget({ name, limit, ends }: BudgetClaim): Grant {
    const left = limit - (this.#budgets.get(name)?.spent ?? 0);
    return { granted: Math.max(left, 0), wait: ends - this.#clock.now() };
  }

  #use(claim: Claim, count: number): void {
    if (claim.kind === 'rate') {
      const { usedUntil } = take(this.#usedUntil(claim), claim.rate, count, this.#clock.monotonic());
      this.#rates.set(claim.name, usedUntil);
      return;
    }
    this.#spend(claim, count);
  }

  #spend({ name, ends }: BudgetClaim, count: number): void {
    const budget = this.#budgets.get(name) ?? { spent: 0, ends };
    budget.spent = Math.max(budget.spent + count, 0);
    this.#budgets.set(name, budget);
    this.#notebook.write(name, budget.spent, budget.ends);
  }

  /** A rate whose use lies in the past and a budget that has ended say nothing any more. */
  #sweep(): void {
    this.#calls += 1;
    if (this.#calls % SWEEP_EVERY > 0) return;
    const [elapsed, now] = [this.#clock.monotonic(), this.#clock.now()];
    for (const [name, usedUntil] of this.#rates) if (usedUntil <= elapsed) this.#rates.delete(name);
    for (const [name, { ends }] of this.#budgets) if (ends <= now) this.#budgets.delete(name);
  }
}
