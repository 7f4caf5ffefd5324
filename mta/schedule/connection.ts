/**
 * One connection, from the scheduler's side: the turn that whoever sends is given, and what is learned from it.
 *
 * Counts what it takes from limits and gives back what was not used, so that nothing is lost however it ends.
 */
import type { Duration } from '#lib/run/clock.ts';
import type { LaneName } from '../queue/queue.ts';
import type { End, Offer } from '../mail/turn.ts';
import type { Claim, Limits } from './limits/limits.ts';
import { learn, namesOf, type Permit, restOf } from './permit.ts';
import type { Plan, Turn } from './plan.ts';
import type { Allowed, ReadyQueue } from './ready-queue.ts';
import type { Rests } from './rests.ts';
import { type EgressSource, sourceAtSite, sourceRest, type Sources } from './source.ts';

/** What a connection asks of the scheduler. */
export interface Host {
  readonly limits: Limits;
  readonly rests: Rests;
  readonly sources: Pick<Sources, 'opened' | 'ended' | 'sent'>;
  readonly isStopped: () => boolean;
  /** A lane has something due. */
  readonly announce: (lane: LaneName) => void;
  /** There may be room for what waits here. */
  readonly serve: (ready: ReadyQueue) => void;
  /** There is room under these names. */
  readonly wake: (...names: readonly string[]) => void;
  /** What a connection with such claims may send next; waits up to `patience` for it. */
  readonly nextOffer: (ready: ReadyQueue, claims: readonly Claim[], patience: Duration) => Promise<Allowed | undefined>;
  /** It has ended. */
  readonly ended: () => void;
}

/** What it was given to begin with. */
export interface Start {
  readonly ready: ReadyQueue;
  readonly plan: Plan;
  readonly permit: Permit;
  readonly offer: Offer;
}

export class Connection implements Turn {
  readonly offer: Offer;
  readonly source: EgressSource;
  readonly trouble: string | undefined;
  readonly #host: Host;
  readonly #ready: ReadyQueue;
  readonly #plan: Plan;
  readonly #permit: Permit;
  /** What rests when this site refuses this source. */
  readonly #ofSource: string;
  /** What the messages of the newest offer were taken from. */
  #claims: readonly Claim[];

  /** It is on its way. */
  constructor(host: Host, { ready, plan, permit, offer }: Start) {
    const { source } = permit.from;
    this.offer = offer;
    this.source = source;
    this.#host = host;
    this.#ready = ready;
    this.#plan = plan;
    this.#permit = permit;
    this.#claims = permit.claims;
    this.#ofSource = sourceAtSite(source.name, plan.site);
    this.trouble = host.rests.troubleOf(plan.site) ?? host.rests.troubleOf(this.#ofSource);
    ready.active += 1;
    if (permit.isProbe) host.rests.probe(plan.site);
    host.sources.opened(source);
    host.sources.sent(source, offer.most);
  }

  get goesOn(): boolean {
    const { isStopped, rests } = this.#host;
    return (
      !isStopped() &&
      !this.#permit.slot.isWanted &&
      ![this.#plan.site, this.#ofSource].some((it) => rests.isSuspended(it))
    );
  }

  pauseAfter(end: End): Duration {
    return this.#host.rests.pauseOf(end === 'refused' ? this.#ofSource : this.#plan.site);
  }

  putBack(lane: LaneName): void {
    this.#host.announce(lane);
  }

  more(offer: Offer, most: number): number {
    const { granted } = this.#host.limits.take(this.#claims, most);
    this.#host.sources.sent(this.source, granted);
    this.#ready.lanes.charge(offer.lane, granted);
    return granted;
  }

  unused(offer: Offer, messages: number): void {
    if (messages === 0) return;
    this.#host.limits.giveBack(this.#claims, messages);
    this.#host.sources.sent(this.source, -messages);
    this.#ready.lanes.refund(offer.lane, messages);
  }

  async next(idle: Duration): Promise<Offer | undefined> {
    if (this.#ready.hasTooMany || !this.goesOn) return undefined;
    const allowed = await this.#host.nextOffer(this.#ready, this.#permit.from.claims, idle);
    if (!allowed) return undefined;
    this.#claims = allowed.claims;
    this.#host.sources.sent(this.source, allowed.offer.most);
    return allowed.offer;
  }

  taken(): void {
    const { rests, wake, serve } = this.#host;
    for (const it of [sourceRest(this.source.name), this.#ofSource]) rests.reached(it);
    this.#ready.widen();
    if (rests.reached(this.#plan.site)) wake(restOf(this.#plan.site));
    serve(this.#ready);
  }

  pushedBack(): void {
    this.#ready.narrow();
  }

  leave(end: End, why?: string): void {
    const { sources, rests, wake, serve, ended } = this.#host;
    this.#ready.active -= 1;
    ended();
    sources.ended(this.source);
    this.#permit.slot.release();
    learn(this.#plan, this.#permit, end, why, rests);
    if (end === 'unreachable' || end === 'refused') this.#ready.narrow();
    wake(...namesOf(this.#permit, this.#plan), restOf(this.#plan.site));
    serve(this.#ready);
  }
}
