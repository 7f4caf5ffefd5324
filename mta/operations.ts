/**
 * Composition of operating: what people may do to mail while it is sent, on the parts that send it.
 */
import type { Clock } from '#lib/run/clock.ts';
import type { Log } from '#lib/run/log.ts';
import type { Random } from '#lib/run/random.ts';
import type { Directions } from './directions.ts';
import type { Resources } from '#crds/source/resources.ts';
import type { MailEvent } from './mail/event.ts';
import { bounce, type MovingParts, reroute, retry } from './operate/moving.ts';
import { resume, suspend } from './operate/suspending.ts';
import type { Bouncing, Moving, Operated, Rerouting, Resuming, Suspending } from './mail/operation.ts';
import type { Claim, Queue } from './queue/queue.ts';
import type { Rests } from './schedule/rests.ts';
import type { Suspensions } from './schedule/suspensions.ts';
import type { Orders } from './settle/ledger/orders.ts';
import { bouncedByHand } from './settle/by-hand.ts';
import type { Suspension } from './mail/suspension.ts';

export interface OperationsOptions {
  readonly queue: Queue;
  readonly claim: Claim;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly orders: Orders;
  readonly directions: Directions;
  readonly suspensions: Suspensions;
  readonly rests: Rests;
  readonly resources: () => Resources;
  /** What waits is looked at anew. */
  readonly replan: () => void;
  /** Told of each durable event. Must not throw. */
  readonly tell: (event: MailEvent) => void;
}

export class Operations {
  readonly #parts: MovingParts;

  constructor({ suspensions, directions, log, rests, resources, ...options }: OperationsOptions) {
    const { clock } = options;
    this.#parts = {
      ...options,
      standing: suspensions,
      siteOf: (lane) => directions.destination(lane).site,
      recorded: (audit) => log.info('operation', { audit }),
      endRests: (site) => rests.endAt(site),
      isPool: (name) => resources().pool(name) !== undefined,
      bounced: (lease, asked) => bouncedByHand(lease, asked, clock.now()),
    };
  }

  /** Every order that holds mail back, oldest first. */
  suspensions(): readonly Suspension[] {
    return this.#parts.standing.current();
  }

  suspend(asked: Suspending): Promise<Operated> {
    return suspend(asked, this.#parts);
  }

  resume(asked: Resuming): Promise<Operated> {
    return resume(asked, this.#parts);
  }

  retry(asked: Moving): Promise<Operated> {
    return retry(asked, this.#parts);
  }

  bounce(asked: Bouncing): Promise<Operated> {
    return bounce(asked, this.#parts);
  }

  reroute(asked: Rerouting): Promise<Operated> {
    return reroute(asked, this.#parts);
  }
}
