/**
 * All connections that one holder counts together with others: how many it may have open under each name.
 *
 * What is held stays held for as long as the holder lives, one idle second longer than it is used. Where somebody with less
 * waits, the oldest connection of who has more than its share is wanted back, and the only one of everybody in turn.
 * While Redis is away a holder keeps what it holds; under another name it may have half of a fair share, or one.
 */
import { type Clock, type Duration, milliseconds, seconds } from '#lib/run/clock.ts';
import { type Contact, LEASE, ROLL_CALL } from './contact.ts';
import type { Slot, SlotClaim } from './limits.ts';
import { HOLD } from './scripts.ts';
import { SOON } from './shared-rate.ts';

interface Open {
  readonly since: Duration;
  isWanted: boolean;
}

interface Held {
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
/** Who waits is known for so long after it asked the last time. */
const PATIENCE: Duration = milliseconds(1500);
/** Everything that is held is said again so often. */
const REFRESH: Duration = seconds(60);

export class SharedSlots {
  readonly #clock: Clock;
  readonly #contact: Contact;
  readonly #names = new Map<string, Held>();

  constructor(clock: Clock, contact: Contact) {
    this.#clock = clock;
    this.#contact = contact;
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
    if (!it.isAsking && now >= it.again) void this.#ask(name, it, it.open.size + 1);
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
      if (it && it.held > 0 && !it.isAsking) void this.#ask(name, it, it.open.size);
    }
  }

  /** The server may know less than before: it is told. */
  tell(): void {
    for (const [name, it] of this.#names) if (it.open.size > 0 || it.held > 0) void this.#ask(name, it, it.open.size);
  }

  /** Gives back what was idle for long, says again what is held, and forgets what is not. */
  sweep(): void {
    const now = this.#clock.monotonic();
    if (this.#contact.awaySince !== undefined) return;
    for (const [name, it] of this.#names) {
      if (it.isAsking) continue;
      const isIdle = it.held > it.open.size && now - it.idleSince >= KEEP;
      if (isIdle || (it.held > 0 && now - it.askedAt >= REFRESH)) void this.#ask(name, it, it.open.size);
      else if (it.held === 0 && it.open.size === 0 && now - it.askedAt >= REFRESH) this.#names.delete(name);
    }
  }

  stop(): void {
    for (const [name, it] of this.#names) if (it.held > 0) void this.#ask(name, it, 0);
  }

  get size(): number {
    return this.#names.size;
  }

  async #ask(name: string, it: Held, want: number): Promise<void> {
    const contact = this.#contact;
    const held = Math.max(it.held, it.open.size);
    it.isAsking = true;
    it.askedAt = this.#clock.monotonic();
    const kept = Math.min(want, held);
    it.held = kept;
    const keys = [contact.keyOf('slots', name), contact.key('server'), contact.key('holders'), contact.key('wanted')];
    const args = [contact.holder, want, held, it.most, ROLL_CALL, LEASE, name, PATIENCE];
    const reply = await contact.run(HOLD, keys, args);
    it.isAsking = false;
    const now = this.#clock.monotonic();
    if (!reply) return void (it.again = now + AGAIN);
    it.held = reply.number(0);
    it.idleSince = now;
    it.again = now + reply.number(3);
    if (reply.number(2) === 1) this.#giveWay(it, reply.number(1), now);
  }

  /** Somebody with less waits. */
  #giveWay({ open }: Held, fair: number, now: Duration): void {
    const [oldest] = open;
    const isDue = oldest && (open.size > fair || now - oldest.since >= TURN);
    if (isDue) oldest.isWanted = true;
  }

  #release(name: string, it: Held, open: Open): void {
    if (!it.open.delete(open)) return;
    it.idleSince = this.#clock.monotonic();
    if (open.isWanted && !it.isAsking) void this.#ask(name, it, it.open.size);
  }

  #allowed({ held, most }: Held): number {
    if (this.#contact.awaySince === undefined) return held;
    return Math.max(held, Math.floor(most / (2 * Math.max(this.#contact.holders, 1))), 1);
  }

  #of(name: string, most: number): Held {
    const known = this.#names.get(name);
    if (known) {
      known.most = most;
      return known;
    }
    const now = this.#clock.monotonic();
    const it: Held = { most, held: 0, open: new Set(), isAsking: false, askedAt: now, again: now, idleSince: now };
    this.#names.set(name, it);
    return it;
  }
}
