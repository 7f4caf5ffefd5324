/**
 * What is done to the mail that waits in one process: counted, let go, tried now, sent by another pool, bounced.
 *
 * In steps, so that nobody else waits for it. What is being sent at that moment is left alone.
 */
import type { Duration } from '#lib/run/clock.ts';
import { minutes } from '#lib/run/clock.ts';
import type { MailEvent } from '../mail/event.ts';
import type { Bouncing, Chosen, Counted, Handling, Hands } from '../mail/operation.ts';
import type { Reached } from '../mail/reached.ts';
import type { Claim, LaneDepth, LaneName, Lease, Move, Queue, Settlement } from '../queue/queue.ts';
import { lanesOf, recipientsIn } from './chosen.ts';

export interface HandsOptions {
  readonly queue: Pick<Queue, 'depth' | 'list' | 'move' | 'seize' | 'settle' | 'giveBack'>;
  readonly claim: Claim;
  /** Where a lane's mail goes, by what was known last. */
  readonly siteOf: (lane: LaneName) => string;
  /** Whatever rests at a site rests no longer. */
  readonly endRests: (site: string) => void;
  /** What waits is looked at anew. */
  readonly replan: () => void;
  readonly bounced: (lease: Lease, asked: Bouncing) => Settlement;
  /** Told of each event that is durable. Must not throw. */
  readonly tell: (event: MailEvent) => void;
}

const STEP = 100;
/** They share commits: one by one each would wait for a disk, or for servers far away. */
const LANES_AT_ONCE = 1000;
/** Until their outcome is surely written. */
const HOLD: Duration = minutes(5);

export class LocalHands implements Hands {
  readonly #options: HandsOptions;

  constructor(options: HandsOptions) {
    this.#options = options;
  }

  async count(about: Chosen): Promise<Reached<Counted>> {
    const lanes = await lanesOf(about, this.#options);
    return { found: { lanes: lanes.length, recipients: recipientsIn(lanes) }, missing: [] };
  }

  async carryOut(handling: Handling): Promise<Reached<number>> {
    return { found: await this.#done(handling), missing: [] };
  }

  async #done(handling: Handling): Promise<number> {
    switch (handling.kind) {
      case 'resume':
        return this.#moveAll(await lanesOf(handling.about, this.#options), handling.about, { kind: 'resume' });
      case 'retry':
        return this.#retry(handling.about);
      case 'reroute':
        return this.#moveAll(await lanesOf(handling.about, this.#options), handling.about, {
          kind: 'reroute',
          pool: handling.to,
        });
      case 'bounce':
        break;
    }
    return this.#bounce(handling.asked);
  }

  /** Due now, and what was held by the queue too; what rests at its sites is over. */
  async #retry(about: Chosen): Promise<number> {
    const { siteOf, endRests, replan } = this.#options;
    const lanes = await lanesOf(about, this.#options);
    const count = await this.#moveAll(lanes, about, { kind: 'retry' });
    for (const site of new Set(lanes.map((it) => siteOf(it.lane)))) endRests(site);
    replan();
    return count;
  }

  async #moveAll(lanes: readonly LaneDepth[], { message }: Chosen, move: Move): Promise<number> {
    const { queue, claim } = this.#options;
    return sumOver(lanes, ({ lane }) => queue.move(claim, selectionOf(lane, message), move));
  }

  async #bounce(asked: Bouncing): Promise<number> {
    return sumOver(await lanesOf(asked.about, this.#options), (it) => this.#bounceLane(it, asked));
  }

  /** As many as there were: mail that comes in meanwhile was not meant. */
  async #bounceLane({ lane, depth }: LaneDepth, asked: Bouncing): Promise<number> {
    const { queue, claim } = this.#options;
    let count = 0;
    while (count < depth) {
      const selection = selectionOf(lane, asked.about.message);
      const leases = await queue.seize(claim, selection, Math.min(STEP, depth - count), HOLD);
      if (leases.length === 0) break;
      await this.#bounceAll(leases, asked);
      count += leases.length;
    }
    return count;
  }

  async #bounceAll(leases: readonly Lease[], asked: Bouncing): Promise<void> {
    const { queue, claim, bounced, tell } = this.#options;
    const settlements = leases.map((lease) => bounced(lease, asked));
    try {
      const refused = await queue.settle(claim, settlements);
      for (const it of settlements) if (!refused.includes(it)) tell(it.event);
    } catch (thrown) {
      queue.giveBack(leases);
      throw thrown;
    }
  }
}

/** Of what was done in each lane, many at once; after a failure no further one is begun. */
async function sumOver(lanes: readonly LaneDepth[], work: (lane: LaneDepth) => Promise<number>): Promise<number> {
  let sum = 0;
  const next = oneByOne(lanes);
  const one = async (): Promise<void> => {
    for (const lane of next) {
      const count = await work(lane);
      sum += count;
    }
  };
  await Promise.all(Array.from({ length: Math.min(LANES_AT_ONCE, lanes.length) }, one));
  return sum;
}

/** Ends for all who share it when one leaves it by a failure, which an array's own iterator does not. */
function* oneByOne<T>(all: readonly T[]): Generator<T> {
  yield* all;
}

const selectionOf = (lane: LaneName, message: string | undefined) => ({
  lane,
  ...(message !== undefined && { message }),
});
