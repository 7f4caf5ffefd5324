/**
 * One controller: a line of resources and what is done about each, with its metrics and its log.
 *
 * Nothing is done once the process leads no more. A look that fails never ends the process: it is told, and tried again.
 */
import type { ControllerName } from '#lib/metric/operating.ts';
import type { Clock, Duration } from '#lib/run/clock.ts';
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import { metrics, watchGauge, watchGauges } from '#lib/run/metrics.ts';
import { othersTurn } from '#lib/run/turn.ts';
import { type Worked, type WorkObserver, WorkQueue } from './work-queue.ts';

export interface Reconciler {
  readonly name: ControllerName;
  /** Makes one resource as it should be; one that is not there any more too. Harmless twice, and from two processes. */
  reconcile(key: string): Promise<Worked>;
}

export interface ControllerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly isLeading: () => boolean;
}

/** Most of a look is waiting for the API server, and for DNS where there are thousands. */
const CONCURRENCY = 4;
const MANY: Readonly<Partial<Record<ControllerName, number>>> = { sendingdomain: 16 };

const concurrencyOf = (name: ControllerName): number => MANY[name] ?? CONCURRENCY;

export function openController(reconciler: Reconciler, { clock, log, isLeading }: ControllerOptions): WorkQueue {
  const work = async (key: string): Promise<Worked> => {
    // Looks that have nothing to wait for, thousands at the start, would hold up the renewal of the lease.
    await othersTurn();
    return isLeading() ? reconciler.reconcile(key) : { kind: 'done' };
  };
  const observer = observerOf(reconciler.name, log);
  return new WorkQueue({ clock, concurrency: concurrencyOf(reconciler.name), work, observer });
}

function observerOf(controller: ControllerName, log: Log): WorkObserver {
  const name = controller;
  return {
    added: () => metrics.lineAdds.inc({ name }),
    started: (waited) => metrics.lineSeconds.observe({ name }, inSeconds(waited)),
    ended: (result, lasted) => {
      metrics.reconciles.inc({ controller, result });
      metrics.reconcileSeconds.observe({ controller }, inSeconds(lasted));
      metrics.lineWorkSeconds.observe({ name }, inSeconds(lasted));
    },
    retried: () => metrics.lineRetries.inc({ name }),
    failed: (key, thrown) => {
      metrics.reconcileErrors.inc({ controller });
      log.warn('a resource could not be reconciled', {
        controller,
        key,
        code: codeOf(thrown),
        reason: reasonOf(thrown),
      });
    },
  };
}

const inSeconds = (duration: Duration): number => duration / 1000;

/** What can be read off the lines at any time. */
export function watchControllers(
  queues: Readonly<Partial<Record<ControllerName, WorkQueue>>>,
  isLeading: () => boolean,
): void {
  const each = (read: (queue: WorkQueue) => number) => () =>
    Object.fromEntries(Object.entries(queues).map(([name, queue]) => [name, read(queue)]));
  watchGauges(
    'lineDepth',
    each(({ depth }) => depth),
  );
  watchGauges(
    'activeWorkers',
    each(({ working }) => working),
  );
  const most = Object.keys(queues).map((name) => [name, concurrencyOf(name as ControllerName)] as const);
  watchGauges('maxConcurrentReconciles', () => Object.fromEntries(most));
  watchGauges(
    'lineUnfinished',
    each((it) => inSeconds(it.unfinished().all)),
  );
  watchGauges(
    'lineLongest',
    each((it) => inSeconds(it.unfinished().longest)),
  );
  watchGauge('leader', () => Number(isLeading()));
}
