/**
 * Limits that many processes share through Redis, each with what it has taken ahead at hand.
 *
 * What is not at hand is refused with a wait of milliseconds and asked for. Rates, budgets and connections are in
 * `shared-rates.ts`, `shared-budgets.ts` and `shared-slots.ts`; what Redis does is in `scripts.ts`, and when it counts as
 * away in `contact.ts`. Decision 41 has the reasons, and what is not promised.
 */
import type { Notebook } from '../../mail/notebook.ts';
import { Contact, type ContactOptions } from './contact.ts';
import type { Claim, Full, Grant, Limits, Slot, SlotClaim } from './limits.ts';
import { KeptPlaces } from './kept-places.ts';
import { OpenSlots } from './open-slots.ts';
import { SharedBudgets } from './shared-budgets.ts';
import { SharedRates } from './shared-rates.ts';
import { SharedSlots } from './shared-slots.ts';

export interface RedisLimitsOptions extends ContactOptions {
  /** Of what is known to be spent of budgets. */
  readonly notebook: Notebook;
}

/** How it goes, for metrics. */
export interface LimitsState {
  readonly isReachable: boolean;
  /** Rates and budgets of which something is at hand. */
  readonly blocks: number;
  /** Rates that go at this process's share, because Redis is away. */
  readonly shares: number;
}

export class RedisLimits implements Limits {
  readonly #contact: Contact;
  readonly #rates: SharedRates;
  readonly #budgets: SharedBudgets;
  readonly #slots: SharedSlots;
  readonly #here = new OpenSlots();
  readonly #kept: KeptPlaces;

  constructor(options: RedisLimitsOptions) {
    const { clock, notebook } = options;
    this.#contact = new Contact(options);
    this.#rates = new SharedRates(clock, this.#contact);
    this.#budgets = new SharedBudgets(clock, this.#contact, notebook);
    this.#slots = new SharedSlots(clock, this.#contact);
    this.#kept = new KeptPlaces(clock);
    this.#contact.onBeat(({ isNew, wanted }) => {
      if (isNew) this.#tell();
      this.#slots.wanted(wanted);
      this.#slots.sweep();
      this.#budgets.sweep();
    });
    this.#contact.start();
  }

  take(claims: readonly Claim[], max: number): Grant {
    const rooms = claims.map((claim) => this.#roomOf(claim, max));
    const granted = Math.min(max, ...rooms.map((it) => it.granted));
    const wait = Math.max(0, ...rooms.filter((it) => it.granted < max).map((it) => it.wait));
    for (const [at, claim] of claims.entries()) this.#take(claim, max, granted, rooms[at]?.granted ?? 0);
    return { granted, wait };
  }

  giveBack(claims: readonly Claim[], count: number): void {
    for (const claim of claims) {
      if (claim.kind === 'rate') this.#rates.giveBack(claim, count);
      else this.#budgets.giveBack(claim, count);
    }
  }

  room(claim: Claim, max: number): Grant {
    const { wait } = this.#roomOf(claim, max);
    const room = claim.kind === 'rate' ? this.#rates.look(claim, max) : this.#budgets.left(claim);
    return { granted: Math.min(room, max), wait: room >= max ? 0 : wait };
  }

  connect(claims: readonly SlotClaim[]): Slot | Full {
    const [here, shared] = [claims.filter(isHere), claims.filter((it) => !isHere(it))];
    const full = this.#fullFor(here, shared);
    if (full) return full;
    const slots = [this.#here.open(here), ...shared.map((it) => this.#slots.open(it))];
    return {
      release: () => {
        for (const slot of slots) slot.release();
      },
      get isWanted() {
        return slots.some((it) => it.isWanted);
      },
    };
  }

  used(name: string): number {
    return this.#here.used(name) + this.#slots.used(name);
  }

  get state(): LimitsState {
    return {
      isReachable: this.#contact.awaySince === undefined,
      blocks: this.#rates.held + this.#budgets.held,
      shares: this.#rates.shared,
    };
  }

  /** How many names are counted now. */
  get size(): number {
    return this.#rates.size + this.#budgets.size + this.#slots.size;
  }

  /** Gives everything back, as far as Redis answers, and closes the connection it was given. */
  async close(): Promise<void> {
    this.#rates.stop();
    this.#budgets.stop();
    this.#slots.stop();
    await this.#contact.close();
  }

  #tell(): void {
    this.#budgets.tell();
    this.#slots.tell();
  }

  #roomOf(claim: Claim, max: number): Grant {
    return claim.kind === 'rate' ? this.#rates.room(claim, max) : this.#budgets.room(claim, max);
  }

  #take(claim: Claim, max: number, granted: number, room: number): void {
    if (claim.kind === 'rate') {
      if (granted > 0) this.#rates.use(claim, granted);
      this.#rates.asked(claim, max, room);
    } else {
      if (granted > 0) this.#budgets.use(claim, granted);
      this.#budgets.asked(claim, max, room);
    }
  }

  #fullFor(here: readonly SlotClaim[], shared: readonly SlotClaim[]): Full | undefined {
    const who = shared.map((it) => it.name).join(' ');
    this.#kept.end(who);
    const fullHere = this.#here.full(here, this.#kept.places);
    if (fullHere) return fullHere;
    const full = this.#fullOf(shared);
    if (full && shared.some((it) => this.#slots.isAsking(it.name))) this.#kept.keepFor(who);
    return full;
  }

  /** All are asked for, so that one wait is enough. */
  #fullOf(claims: readonly SlotClaim[]): Full | undefined {
    const waits = claims.map((it) => ({ full: it.name, wait: this.#slots.waitFor(it) }));
    const full = waits.find(({ wait }) => wait !== undefined);
    if (full?.wait === undefined) return undefined;
    return full.wait === Infinity ? { full: full.full } : { full: full.full, wait: full.wait };
  }
}

/** What nobody else counts. */
const isHere = ({ here, most }: SlotClaim): boolean => here === true || most === Infinity;
