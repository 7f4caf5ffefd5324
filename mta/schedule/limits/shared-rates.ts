/**
 * All rates that one holder shares with others: asks for turns ahead of their use, and gives back what was not used.
 */
import { type Clock, type Duration, milliseconds, seconds, type Timer } from '#lib/run/clock.ts';
import { aheadOf, paceOf, type Rate } from '../../mail/gcra.ts';
import type { Contact, Reply } from './contact.ts';
import type { Grant, RateClaim } from './limits.ts';
import { GIVE, TAKE } from './scripts.ts';
import { type Answer, type Away, LOOK, RECENT, SharedRate } from './shared-rate.ts';

const EXPIRE_EVERY: Duration = milliseconds(250);
const FORGET_EVERY: Duration = seconds(30);

export class SharedRates {
  readonly #clock: Clock;
  readonly #contact: Contact;
  readonly #rates = new Map<string, SharedRate>();
  /** Those that have turns at hand. */
  readonly #held = new Map<string, SharedRate>();
  readonly #timers: Timer[] = [];

  constructor(clock: Clock, contact: Contact) {
    this.#clock = clock;
    this.#contact = contact;
    this.#every(EXPIRE_EVERY, 0, () => this.#expire(false));
    this.#every(FORGET_EVERY, 1, () => this.#forget());
  }

  room({ name, rate }: RateClaim, max: number): Grant {
    return this.#of(name).room(rate, max, this.#clock.monotonic(), this.#away());
  }

  /** What there may be room for. */
  look({ name, rate }: RateClaim, max: number): number {
    return this.#rates.get(name)?.look(rate, max, this.#clock.monotonic()) ?? Math.min(rate.burst ?? 1, max);
  }

  use({ name, rate }: RateClaim, count: number): void {
    this.#of(name).use(rate, count, this.#clock.monotonic(), this.#away());
  }

  giveBack({ name, rate }: RateClaim, count: number): void {
    this.#of(name).giveBack(rate, count, this.#clock.monotonic(), this.#away());
  }

  /** Of what was asked so much was there: asks for more if that is worth it. */
  asked({ name, rate }: RateClaim, asked: number, granted: number): void {
    if (this.#away()) return;
    const want = this.#of(name).question(rate, asked, granted, this.#clock.monotonic());
    if (want > 0) void this.#ask(name, rate, want);
  }

  /** Names with turns at hand. */
  get held(): number {
    return this.#held.size;
  }

  /** Names that go at their share. */
  get shared(): number {
    return this.#away() ? [...this.#rates.values()].filter((it) => it.isShared).length : 0;
  }

  get size(): number {
    return this.#rates.size;
  }

  /** Gives everything back. */
  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#expire(true);
  }

  async #ask(name: string, rate: Rate, want: number): Promise<void> {
    const args = [this.#contact.holder, paceOf(rate), aheadOf(rate), LOOK, want, RECENT];
    const reply = await this.#contact.run(TAKE, [this.#contact.keyOf('rate', name), this.#contact.key('server')], args);
    const it = this.#of(name);
    it.answered(rate, want, reply && answerOf(reply), this.#clock.monotonic());
    if (it.hasBlocks) this.#held.set(name, it);
  }

  #expire(all: boolean): void {
    const now = this.#clock.monotonic();
    for (const [name, rate] of this.#held) {
      for (const { pace, count, age } of rate.expire(now, all))
        void this.#contact.run(GIVE, [this.#contact.keyOf('rate', name)], [pace, count, age]);
      if (!rate.hasBlocks) this.#held.delete(name);
    }
  }

  #forget(): void {
    const now = this.#clock.monotonic();
    for (const [name, rate] of this.#rates) if (rate.isForgettable(now)) this.#rates.delete(name);
  }

  #of(name: string): SharedRate {
    const known = this.#rates.get(name);
    if (known) return known;
    const rate = new SharedRate(this.#clock.monotonic());
    this.#rates.set(name, rate);
    return rate;
  }

  #away(): Away | undefined {
    const since = this.#contact.awaySince;
    return since === undefined ? undefined : { since, holders: this.#contact.holders };
  }

  #every(period: Duration, at: number, act: () => void): void {
    this.#timers[at] = this.#clock.after(period, () => {
      act();
      this.#every(period, at, act);
    });
  }
}

const answerOf = (reply: Reply): Answer => ({
  granted: reply.number(0),
  startsIn: reply.number(1),
  againIn: reply.number(2),
  holders: reply.number(3),
  place: reply.number(4),
  usedIn: reply.number(5),
});
