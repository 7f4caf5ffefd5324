/**
 * All budgets that one holder shares with others: a part of what is left is taken ahead and spent from there.
 *
 * What Redis has given out counts as spent, so that a budget is never exceeded, whoever dies; what a holder that was killed
 * had taken ahead is lost until the budget ends. While Redis is away a holder spends what it has taken, and no more. What is
 * known to be spent is noted, and said to a server that knows less.
 */
import { type Clock, type Duration, hours, type Instant, milliseconds, seconds } from '#lib/run/clock.ts';
import type { Notebook } from '../../mail/notebook.ts';
import { type Contact, ROLL_CALL } from './contact.ts';
import type { BudgetClaim, Grant } from './limits.ts';
import { SPEND, UNSPEND } from './scripts.ts';
import { SOON } from './shared-rate.ts';

interface Budget {
  limit: number;
  ends: Instant;
  /** Spent or taken ahead, by everybody. */
  spent: number;
  /** Taken ahead here and not spent. */
  atHand: number;
  /** Spent here: no more can be given back. */
  used: number;
  /** The server has said that it had no more. */
  isExhausted: boolean;
  isAsking: boolean;
  /** Monotonic: not worth asking before. */
  again: Duration;
  touched: Duration;
}

/** Of what is left each holder may take one part in so many ahead. */
const PARTS = 8;
/** What nobody has asked for goes back. */
const HOLD: Duration = seconds(30);
const AGAIN: Duration = milliseconds(100);
/** Others may have given something back. */
const LOOK_AGAIN: Duration = seconds(1);
/** A budget is remembered for so long after its end: clocks differ. */
const KEPT: Duration = hours(1);

export class SharedBudgets {
  readonly #clock: Clock;
  readonly #contact: Contact;
  readonly #notebook: Notebook;
  readonly #budgets = new Map<string, Budget>();

  constructor(clock: Clock, contact: Contact, notebook: Notebook) {
    this.#clock = clock;
    this.#contact = contact;
    this.#notebook = notebook;
    for (const { key, value, until } of notebook.notes) this.#add(key, Number.MAX_SAFE_INTEGER, until, Number(value));
  }

  room(claim: BudgetClaim, max: number): Grant {
    const budget = this.#of(claim);
    const granted = Math.max(Math.min(this.#allowed(budget), max), 0);
    if (granted === max) return { granted, wait: 0 };
    const again = budget.again - this.#clock.monotonic();
    const isKnown = (budget.isExhausted && again > 0) || this.#contact.awaySince !== undefined;
    const wait = isKnown ? budget.ends - this.#clock.now() : Math.max(again, SOON);
    return { granted, wait: Math.max(wait, 0) };
  }

  use(claim: BudgetClaim, count: number): void {
    const budget = this.#of(claim);
    budget.atHand -= count;
    budget.used += count;
  }

  giveBack(claim: BudgetClaim, count: number): void {
    const budget = this.#of(claim);
    const back = Math.min(count, budget.used);
    budget.used -= back;
    budget.atHand += back;
  }

  asked(claim: BudgetClaim, asked: number, granted: number): void {
    const budget = this.#of(claim);
    const now = this.#clock.monotonic();
    budget.touched = now;
    if (budget.isAsking || now < budget.again || this.#contact.awaySince !== undefined) return;
    const want = granted < asked ? asked - granted : budget.atHand === 0 ? 1 : 0;
    if (want > 0) void this.#ask(claim.name, budget, want);
  }

  /** What is left of it, as far as is known. */
  left(claim: BudgetClaim): number {
    const { limit, spent, atHand } = this.#of(claim);
    return Math.max(limit - spent + atHand, 0);
  }

  /** The server may know less than before: it is told. */
  tell(): void {
    for (const [name, budget] of this.#budgets) if (budget.spent > 0) void this.#ask(name, budget, 0);
  }

  /** Gives back what was held for long, and forgets what has ended. */
  sweep(): void {
    const [elapsed, now] = [this.#clock.monotonic(), this.#clock.now()];
    for (const [name, budget] of this.#budgets) {
      if (budget.ends <= now) this.#budgets.delete(name);
      else if (budget.atHand > 0 && elapsed - budget.touched > HOLD) void this.#return(name, budget);
    }
  }

  stop(): void {
    for (const [name, budget] of this.#budgets) if (budget.atHand > 0) void this.#return(name, budget);
  }

  get size(): number {
    return this.#budgets.size;
  }

  get held(): number {
    return [...this.#budgets.values()].filter(({ atHand }) => atHand > 0).length;
  }

  async #ask(name: string, budget: Budget, want: number): Promise<void> {
    const { key, holder } = { key: this.#contact.keyOf('budget', name), holder: this.#contact.key('holders') };
    budget.isAsking = true;
    const keep = Math.max(Math.ceil(budget.ends - this.#clock.now()), 0) + KEPT;
    const args = [budget.limit, want, budget.spent, ROLL_CALL, keep, PARTS];
    const reply = await this.#contact.run(SPEND, [key, this.#contact.key('server'), holder], args);
    budget.isAsking = false;
    const now = this.#clock.monotonic();
    if (!reply) return void (budget.again = now + AGAIN);
    const granted = reply.number(0);
    const wait = reply.number(2);
    budget.atHand += granted;
    budget.isExhausted = granted < want && wait === 0;
    budget.again = budget.isExhausted ? now + LOOK_AGAIN : now + wait;
    this.#know(name, budget, reply.number(1));
  }

  async #return(name: string, budget: Budget): Promise<void> {
    const count = budget.atHand;
    budget.atHand = 0;
    const reply = await this.#contact.run(UNSPEND, [this.#contact.keyOf('budget', name)], [count]);
    if (reply) this.#know(name, budget, reply.number(0));
  }

  #know(name: string, budget: Budget, spent: number): void {
    if (spent === budget.spent) return;
    budget.spent = spent;
    this.#notebook.write(name, spent, budget.ends);
  }

  /** A limit that was lowered holds at once. */
  #allowed({ atHand, limit, spent }: Budget): number {
    return Math.min(atHand, limit - spent + atHand);
  }

  #of({ name, limit, ends }: BudgetClaim): Budget {
    const budget = this.#budgets.get(name) ?? this.#add(name, limit, ends, 0);
    budget.limit = limit;
    return budget;
  }

  #add(name: string, limit: number, ends: Instant, spent: number): Budget {
    const now = this.#clock.monotonic();
    const budget: Budget = {
      limit,
      ends,
      spent,
      atHand: 0,
      used: 0,
      isExhausted: false,
      isAsking: false,
      again: now,
      touched: now,
    };
    this.#budgets.set(name, budget);
    return budget;
  }
}
