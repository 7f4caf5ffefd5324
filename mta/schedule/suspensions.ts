/**
 * The orders that hold mail back: which of them a lane's mail is under, while they last.
 *
 * A lane that is held has a ready queue of its own, so that other mail for its site goes on. Costs nothing while nothing
 * is suspended. Kept durable by whoever gives and ends orders (`mta/operate/`).
 */
import { type Clock, type Duration, minutes, type Timer } from '#lib/run/clock.ts';
import { type LaneName, parseLane } from '../queue/queue.ts';
import { includes, isOver, type Suspension, suspensionLine } from '../mail/suspension.ts';
import type { Plan } from './plan.ts';

export interface SuspensionsOptions {
  readonly clock: Clock;
  /** Those that held before the start. */
  readonly held: readonly Suspension[];
  /** Plans have changed. */
  readonly replan: () => void;
}

/** Wall time may jump: it is looked at again after this. */
const LONGEST_WAIT: Duration = minutes(1);

export class Suspensions {
  readonly #options: SuspensionsOptions;
  readonly #orders = new Map<string, Suspension>();
  #timer: Timer | undefined;

  constructor(options: SuspensionsOptions) {
    this.#options = options;
    for (const order of options.held) this.#orders.set(order.id, order);
    this.#watch();
  }

  /** Every order that is not over, oldest first. */
  current(): readonly Suspension[] {
    const now = this.#options.clock.now();
    return [...this.#orders.values()].filter((it) => !isOver(it, now)).toSorted((a, b) => a.at - b.at);
  }

  /** These hold now, and no others: somebody elsewhere has given or ended some. */
  replace(orders: readonly Suspension[]): void {
    this.#orders.clear();
    for (const order of orders) this.#orders.set(order.id, order);
    this.#changed();
  }

  begin(order: Suspension): void {
    this.#orders.set(order.id, order);
    this.#changed();
  }

  end(ids: readonly string[]): void {
    for (const id of ids) this.#orders.delete(id);
    if (ids.length > 0) this.#changed();
  }

  /** The order that holds a lane's mail at a site the longest; undefined when none does. */
  of(lane: LaneName, site: string): Suspension | undefined {
    if (this.#orders.size === 0) return undefined;
    const { tenant, pool, domain } = parseLane(lane);
    const holding = this.current().filter((it) => includes(it.about, { tenant, pool, domain, site }));
    return holding.toSorted((a, b) => (b.until ?? Infinity) - (a.until ?? Infinity) || a.at - b.at)[0];
  }

  planFor(lane: LaneName, plan: Plan): Plan {
    const order = this.of(lane, plan.site);
    return order ? { ...plan, ready: `${plan.ready} held by ${order.id}`, held: suspensionLine(order) } : plan;
  }

  #changed(): void {
    this.#watch();
    this.#options.replan();
  }

  /** What an order held goes when the order is over. */
  #watch(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const ends = [...this.#orders.values()].flatMap(({ until }) => (until === undefined ? [] : [until]));
    if (ends.length === 0) return;
    const wait = Math.max(Math.min(...ends) - this.#options.clock.now(), 0);
    this.#timer = this.#options.clock.after(Math.min(wait, LONGEST_WAIT), () => this.#dropOver());
  }

  #dropOver(): void {
    const now = this.#options.clock.now();
    const over = [...this.#orders.values()].filter((it) => isOver(it, now));
    if (over.length === 0) this.#watch();
    else this.end(over.map((it) => it.id));
  }
}
