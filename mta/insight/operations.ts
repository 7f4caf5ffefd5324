/**
 * Composition of operating: what people may do to mail while it is sent, by whoever has it.
 */
import type { Resources } from '#crds/source/resources.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Log } from '#lib/run/log.ts';
import type { Random } from '#lib/run/random.ts';
import type { Bouncing, Hands, Moving, Operated, Rerouting, Resuming, Suspending } from '../mail/operation.ts';
import type { Suspension } from '../mail/suspension.ts';
import { bounce, type MovingParts, reroute, retry } from '../operate/moving.ts';
import { resume, type Standing, suspend } from '../operate/suspending.ts';
import type { Orders } from '../settle/ledger/orders.ts';

export interface OperationsOptions {
  readonly hands: Hands;
  readonly standing: Standing;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly orders: Orders;
  readonly resources: () => Resources;
}

export class Operations {
  readonly #parts: MovingParts;

  constructor({ log, resources, ...options }: OperationsOptions) {
    this.#parts = {
      ...options,
      recorded: (audit) => log.info('operation', { audit }),
      isPool: (name) => resources().pool(name) !== undefined,
    };
  }

  /** Every order that holds mail back, oldest first. */
  async suspensions(): Promise<readonly Suspension[]> {
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
