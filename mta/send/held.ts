/**
 * What a connection holds: leased and not yet attempted, in the order it goes.
 *
 * Messages are few, so that they are shared fairly and cost little memory; further recipients of the last one come along,
 * because they share its bytes and its transaction. All of them count against the limits, and what is not used is
 * given back.
 */
import { type Duration, minutes } from '#lib/run/clock.ts';
import { domainOf, type Message } from '../message.ts';
import type { Lease } from '../queue/queue.ts';
import type { LaneSupply, Offer } from '../turn.ts';
import type { Courier } from './courier.ts';

/** Longer than a transaction can take (30 min before the dot, 10 after); renewed before each. */
const HOLD: Duration = minutes(45);

export class Held {
  readonly #supply: LaneSupply;
  readonly #courier: Courier;
  #leases: Lease[] = [];
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

  drop(lease: Lease): void {
    this.#leases.splice(this.#leases.indexOf(lease), 1);
  }

  renew(): void {
    const { queue, clock } = this.#courier;
    queue.renew(this.#leases, HOLD);
    this.#until = clock.monotonic() + HOLD;
  }

  /** Nobody attempted these after all: they count against nothing. */
  refund(messages: number): void {
    this.#supply.unused(this.#offer, messages);
  }

  giveBack(): void {
    if (this.#leases.length > 0) this.#courier.queue.giveBack(this.#leases);
  }
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
