/**
 * All connections that one holder counts together with others: how many it may have open under each name.
 *
 * What is held stays held for as long as the holder lives, one idle second longer than it is used. Where somebody with less
 * waits, the oldest connection of who has more than its share is wanted back, and the only one of everybody in turn.
 * While Redis is away a holder keeps what it holds; under another name it may have half of a fair share, or one.
 */
import { type Clock, type Duration, milliseconds, seconds } from '#lib/run/clock.ts';
import type { Contact } from './contact.ts';
import { type Held, Holdings } from './holdings.ts';
import type { Slot, SlotClaim } from './limits.ts';
import { SOON } from './shared-rate.ts';

interface Open {
  readonly since: Duration;
  isWanted: boolean;
}

interface Name {
  most: number;
  /** How many the server knows of. */
  held: number;
  readonly open: Set<Open>;
  isAsking: boolean;
  askedAt: Duration;
  /** Monotonic: not worth asking before. */
  again: Duration;
  idleSince: Duration;
}

const AGAIN: Duration = milliseconds(100);
/** An idle place is kept for the next connection. */
const KEEP: Duration = seconds(1);
/** Who has its fair share keeps a connection for so long when others wait. */
const TURN: Duration = seconds(10);
/** Everything that is held is said again so often. */
const REFRESH: Duration = seconds(60);

export class SharedSlots {
  readonly #clock: Clock;
  readonly #contact: Contact;
  readonly #holdings: Holdings;
  readonly #names = new Map<string, Name>();

  constructor(clock: Clock, contact: Contact) {
    this.#clock = clock;
    this.#contact = contact;
    this.#holdings = new Holdings(contact);
  }

  /**
   * Undefined when there is room; otherwise how long it is worth waiting, Infinity when only what is open here is in the way.
   * Asks for room where there is none.
   */
  waitFor({ name, most }: SlotClaim): Duration | undefined {
    const it = this.#of(name, most);
    if (it.open.size < Math.min(this.#allowed(it), most)) return undefined;
    if (it.open.size >= most) return Infinity;
    const now = this.#clock.monotonic();
    if (!it.isAsking && now >= it.again) this.#ask(name, it, it.open.size + 1);
    return it.isAsking ? Math.max(SOON, now - it.askedAt) : Math.max(it.again - now, SOON);
  }

  /** There must be room. */
  open({ name, most }: SlotClaim): Slot {
    const it = this.#of(name, most);
    const open: Open = { since: this.#clock.monotonic(), isWanted: false };
    it.open.add(open);
    return {
      release: () => this.#release(name, it, open),
      get isWanted() {
        return open.isWanted;
      },
    };
  }

  /** The server is being asked: its answer is here soon. */
  isAsking(name: string): boolean {
    return this.#names.get(name)?.isAsking ?? false;
  }

  used(name: string): number {
    return this.#names.get(name)?.open.size ?? 0;
  }

  /** Somebody waits under these names. */
  wanted(names: readonly string[]): void {
    for (const name of names) {
      const it = this.#names.get(name);
      if (it && it.held > 0 && !it.isAsking) this.#ask(name, it, it.open.size);
    }
  }

  /** The server may know less than before: it is told, before anything else is asked. */
  tell(): void {
    for (const [name, it] of this.#names) if (it.open.size > 0 || it.held > 0) this.#ask(name, it, it.open.size);
    this.#holdings.send();
  }

  /** Gives back what was idle for long, says again what is held, and forgets what is not. */
  sweep(): void {
    const now = this.#clock.monotonic();
    if (this.#contact.awaySince !== undefined) return;
    for (const [name, it] of this.#names) {
      if (it.isAsking) continue;
      const isIdle = it.held > it.open.size && now - it.idleSince >= KEEP;
      if (isIdle || (it.held > 0 && now - it.askedAt >= REFRESH)) this.#ask(name, it, it.open.size);
      else if (it.held === 0 && it.open.size === 0 && now - it.askedAt >= REFRESH) this.#names.delete(name);
    }
  }

  stop(): void {
    for (const [name, it] of this.#names) if (it.held > 0) this.#ask(name, it, 0);
    this.#holdings.send();
  }

  get size(): number {
    return this.#names.size;
  }

  #ask(name: string, it: Name, want: number): void {
    const held = Math.max(it.held, it.open.size);
    it.isAsking = true;
    it.askedAt = this.#clock.monotonic();
    it.held = Math.min(want, held);
    this.#holdings.ask({ name, want, held, most: it.most }, (answer) => this.#answered(it, answer));
  }

  #answered(it: Name, answer: Held | undefined): void {
    const now = this.#clock.monotonic();
    it.isAsking = false;
    if (!answer) return void (it.again = now + AGAIN);
    it.held = answer.held;
    it.idleSince = now;
    it.again = now + answer.wait;
    if (answer.isAwaited) this.#giveWay(it, answer.fair, now);
  }

  /** Somebody with less waits. */
  #giveWay({ open }: Name, fair: number, now: Duration): void {
    const [oldest] = open;
    const isDue = oldest && (open.size > fair || now - oldest.since >= TURN);
    if (isDue) oldest.isWanted = true;
  }

  #release(name: string, it: Name, open: Open): void {
    if (!it.open.delete(open)) return;
    it.idleSince = this.#clock.monotonic();
    if (open.isWanted && !it.isAsking) this.#ask(name, it, it.open.size);
  }

  #allowed({ held, most }: Name): number {
    if (this.#contact.awaySince === undefined) return held;
    return Math.max(held, Math.floor(most / (2 * Math.max(this.#contact.holders, 1))), 1);
  }

  #of(name: string, most: number): Name {
    const known = this.#names.get(name);
    if (known) {
      known.most = most;
      return known;
    }
    const now = this.#clock.monotonic();
    const it: Name = { most, held: 0, open: new Set(), isAsking: false, askedAt: now, again: now, idleSince: now };
    this.#names.set(name, it);
    return it;
  }
}
