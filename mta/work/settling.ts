/**
 * What settling asks of others: the rules for a reply, when to try again, and what is done about a rule that fires.
 */
import type { Clock } from '#lib/run/clock.ts';
import type { Log } from '#lib/run/log.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { Tracer } from '#lib/trace/tracer.ts';
import { tellAttempt } from './attempt-spans.ts';
import type { Directions } from '../declared/directions.ts';
import { isOfAttempt, type MailEvent } from '../mail/event.ts';
import type { Notebook } from '../mail/notebook.ts';
import type { Claim, Queue, Settlement } from '../queue/queue.ts';
import { ReplyActions } from './reply-actions.ts';
import type { Restraints } from '../schedule/restraints.ts';
import type { Suppressions } from '../settle/ledger/suppressions.ts';
import { Firings } from '../settle/rules/firings.ts';
import { Settler } from '../settle/settle.ts';

export interface SettlingOptions {
  readonly queue: Queue;
  readonly claim: Claim;
  readonly clock: Clock;
  readonly log: Log;
  readonly suppressions: Pick<Suppressions, 'suppress'>;
  readonly directions: Directions;
  readonly restraints: Restraints;
  /** What rules have counted, over restarts. */
  readonly counted: Notebook;
  /** Told of each durable event. Must not throw. */
  readonly tell: (event: MailEvent) => void;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer | undefined;
  /** Told when outcomes cannot be written. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

export function openSettler(options: SettlingOptions): Settler {
  const { queue, claim, clock, log, tell, troubled, directions, tracer } = options;
  const actions = new ReplyActions(options);
  return new Settler({
    queue,
    claim,
    clock,
    firings: new Firings(clock, options.counted),
    tell: (event, lease, attempt) => {
      tell(event);
      const { provider, site } = directions.destination(lease.lane);
      countAttempt(event, provider, attempt?.from);
      if (tracer) tellAttempt(tracer, { lease, attempt, event, site }, clock.now());
    },
    troubled,
    refused: (settlements) => tellRefused(settlements, log),
    rulesOf: (lease, { host }) => directions.rulesOf(lease, host),
    courseOf: (lease, { from }) => directions.courseOf(lease, from),
    fire: (firing) => actions.fire(firing),
    suppress: (event) => actions.suppress(event),
    onInDoubt: (lease) => directions.onInDoubt(lease),
    expiresAt: (lease) => directions.expiresAt(lease),
    nextAttempt: (lease, attempts, first) => directions.nextAttempt(lease, attempts, first),
  });
}

/** Providers are those of `provider.ts`; everybody else is one. */
function countAttempt(event: MailEvent, provider = 'other', source?: string): void {
  if (!isOfAttempt(event)) return;
  const { type: outcome, tenant } = event;
  metrics.attemptsByProvider.inc({ provider, outcome });
  metrics.attemptsByTenant.inc({ tenant, outcome });
  if (source !== undefined) metrics.attemptsBySource.inc({ source, outcome });
}

function tellRefused(settlements: readonly Settlement[], log: Log): void {
  const messages = settlements.map(({ event }) => `${event.message}-${event.index} ${event.type}`);
  log.error('outcomes came too late to count, their mail is tried again', { messages });
}
