/**
 * Composition of operating: what people may do to mail while it is sent, on the parts that send it.
 */
import type { Clock } from '#lib/run/clock.ts';
import type { Log } from '#lib/run/log.ts';
import type { Random } from '#lib/run/random.ts';
import type { Directions } from './directions.ts';
import { type OperatingParts, resume, suspend } from './operate/suspending.ts';
import type { Operated, Resuming, Suspending } from './operation.ts';
import type { Claim, Queue } from './queue/queue.ts';
import type { Suspensions } from './schedule/suspensions.ts';
import type { Orders } from './settle/ledger/orders.ts';
import type { Suspension } from './suspension.ts';

export interface OperationsOptions {
  readonly queue: Queue;
  readonly claim: Claim;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly orders: Orders;
  readonly directions: Directions;
  readonly suspensions: Suspensions;
}

export class Operations {
  readonly #parts: OperatingParts;

  constructor({ suspensions, directions, log, ...options }: OperationsOptions) {
    this.#parts = {
      ...options,
      standing: suspensions,
      siteOf: (lane) => directions.destination(lane).site,
      recorded: (audit) => log.info('operation', { audit }),
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
}
