/**
 * What a connection holds: leased and not yet attempted, in the order it goes.
 *
 * Messages are few, so that they are shared fairly and cost little memory; further recipients of the last one come along,
 * because they share its bytes and its transaction. All of them count against the limits, and what is not used is
 * given back.
 */
import { type Duration, type Instant, minutes } from '#lib/run/clock.ts';
import { domainOf, type Message } from '../mail/message.ts';
import type { Lease } from '../queue/queue.ts';
import type { LaneSupply, Offer } from '../mail/turn.ts';
import { INTERRUPTED, ownAttempt, tooLate } from './attempts.ts';
import { companions } from './companions.ts';
import type { Courier } from './courier.ts';

/** Longer than a transaction can take (30 min before the dot, 10 after); renewed before each. */
const HOLD: Duration = minutes(45);

export class Held {
  readonly #supply: LaneSupply;
  readonly #courier: Courier;
  #leases: Lease[] = [];
  /** The host that is talked to cannot have them. */
  #aside: Lease[] = [];
  /** Monotonic: until when they are surely ours. */
  #until: Duration = 0;
  /** What allowed them. */
  #offer: Offer;

  constructor(supply: LaneSupply, courier: Courier) {
    this.#supply = supply;
    this.#courier = courier;
    this.#offer = supply.offer;
  }

  get leases(): readonly Lease[] {
    return this.#leases;
  }

  get hasAside(): boolean {
    return this.#aside.length > 0;
  }

  /** They may be another's by now when not. */
  get isOurs(): boolean {
    return this.#courier.clock.monotonic() < this.#until;
  }

  /** Leases up to `room` of an offer. A full lease means there may be more. */
  async lease(offer: Offer, room: number): Promise<{ readonly isFull: boolean }> {
    const { queue, claim, clock } = this.#courier;
    this.#until = clock.monotonic() + HOLD;
    const leases = await queue.lease(claim, offer.lane, room, HOLD);
    this.#supply.unused(offer, offer.most - leases.length);
    this.#offer = offer;
    this.#leases = leases;
    return { isFull: leases.length === room };
  }

  /** Leases further recipients of the last message, until `most` of them can go together. */
  async leaseAlong(most: number): Promise<void> {
    const last = this.#leases.at(-1);
    if (!last || last.message.recipients.length === 1) return;
    const { queue, claim } = this.#courier;
    const { message } = last;
    const held = this.#leases.filter((it) => it.message.id === message.id).length;
    const missing = Math.min(most, neighbours(message, domainOf(last.recipient))) - held;
    // With a return path of its own each goes alone.
    if (missing <= 0 || this.#courier.senderOf(last) !== message.sender) return;
    const allowed = this.#supply.more(this.#offer, missing);
    let unused = allowed;
    try {
      const leases = allowed > 0 ? await queue.leaseAlong(claim, last, allowed, HOLD) : [];
      this.#leases.push(...leases);
      unused -= leases.length;
    } finally {
      this.#supply.unused(this.#offer, unused);
    }
  }

  /** The next `count`. */
  take(count: number): Lease[] {
    return this.#leases.splice(0, count);
  }

  /** Those that go in one transaction with a lease that was just taken: none that is being looked up, or held back. */
  takeCompanions(lease: Lease, most: number): Lease[] {
    if (most < 2 || this.#leases[0]?.message.id !== lease.message.id) return [];
    const courier = this.#courier;
    const isLookedUp = this.#leases.findIndex((it) => isBeingLookedUp(it, courier));
    const free = isLookedUp < 0 ? this.#leases : this.#leases.slice(0, isLookedUp);
    const count = companions(lease, free, most, (it) => courier.senderOf(it));
    const isHeldBack = free.slice(0, count).findIndex((it) => courier.hold(it) !== undefined);
    return this.take(isHeldBack < 0 ? count : isHeldBack);
  }

  /** Ends what need not be sent, before anybody is dialled for it. */
  async sift(now: Instant): Promise<void> {
    const courier = this.#courier;
    for (const lease of this.#leases) {
      const looking = courier.suppressed(lease);
      const why = looking && (await looking);
      const ended = courier.expiresAt(lease) <= now ? tooLate(this.#supply.trouble) : why && ownAttempt(why);
      const attempt = lease.inDoubt && courier.onInDoubt(lease) !== 'Retry' ? INTERRUPTED : ended;
      if (!attempt) continue;
      this.#leases = this.#leases.filter((it) => it !== lease);
      courier.settle(lease, attempt);
    }
  }

  renew(): void {
    const { queue, clock } = this.#courier;
    queue.renew(this.hasAside ? this.#all() : this.#leases, HOLD);
    this.#until = clock.monotonic() + HOLD;
  }

  /** These were taken; they are still ours, and go last. */
  setAside(leases: readonly Lease[]): void {
    this.#aside.push(...leases);
  }

  /** Only what was set aside is held from here on; the rest is given back. */
  turnToAside(): void {
    if (this.#leases.length > 0) this.giveBack(this.#leases);
    this.#leases = this.#aside;
    this.#aside = [];
    this.renew();
  }

  /** Gives back what was taken and not attempted after all. */
  giveBack(leases: readonly Lease[]): void {
    this.#refund(leases.length);
    this.#courier.queue.giveBack(leases);
  }

  /** Nobody attempted what is held: it counts against nothing. */
  refundAll(): void {
    this.#refund(this.#all().length);
  }

  /** Leaves the queue what is held. */
  abandon(): void {
    const rest = this.#all();
    if (rest.length > 0) this.#courier.queue.giveBack(rest);
  }

  #refund(messages: number): void {
    this.#supply.unused(this.#offer, messages);
  }

  #all(): readonly Lease[] {
    return [...this.#leases, ...this.#aside];
  }
}

/** Asked again when its turn comes, and answered for then. */
function isBeingLookedUp(lease: Lease, courier: Courier): boolean {
  const looking = courier.suppressed(lease);
  looking?.catch(() => undefined);
  return looking !== undefined;
}

/** By message: recipients at each domain. */
const counted = new WeakMap<Message, Map<string, number>>();

/** How many recipients of a message are at a domain. */
function neighbours(message: Message, domain: string): number {
  const known = counted.get(message);
  if (known) return known.get(domain) ?? 0;
  const counts = new Map<string, number>();
  for (const recipient of message.recipients) {
    const it = domainOf(recipient);
    counts.set(it, (counts.get(it) ?? 0) + 1);
  }
  counted.set(message, counts);
  return counts.get(domain) ?? 0;
}
