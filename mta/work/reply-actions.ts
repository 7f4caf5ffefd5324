/**
 * What is done about replies once they are on record: rules that fire are carried out, addresses that are not there are
 * suppressed. Told to people by a log line and a counter each.
 */
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { MailEvent } from '../mail/event.ts';
import type { Firing } from '../mail/firing.ts';
import type { Restraints } from '../schedule/restraints.ts';
import type { Suppressions } from '../settle/ledger/suppressions.ts';

export interface ReplyActionsOptions {
  readonly restraints: Restraints;
  readonly suppressions: Pick<Suppressions, 'suppress'>;
  readonly log: Log;
}

export class ReplyActions {
  readonly #options: ReplyActionsOptions;

  constructor(options: ReplyActionsOptions) {
    this.#options = options;
  }

  fire(firing: Firing): void {
    const { rule, action, scope, until, sample, course } = firing;
    this.#options.restraints.carryOut(firing);
    metrics.rulesFired.inc({ action });
    this.#options.log.warn('a rule fired', {
      rule,
      action,
      scope,
      until: new Date(until).toISOString(),
      sample,
      ...course,
    });
  }

  /** The next reply says so again, should this one be lost. */
  suppress({ tenant, recipient, rule = 'reply', at, reply }: MailEvent): void {
    const { suppressions, log } = this.#options;
    const entry = { subject: recipient, reason: 'invalid-address' as const, source: rule, createdAt: at };
    suppressions.suppress(tenant, [entry]).then(
      () => {
        metrics.suppressed.inc();
        log.info('an address was suppressed', { tenant, recipient, rule, reply });
      },
      (thrown: unknown) =>
        log.error('an address could not be suppressed', { code: codeOf(thrown), reason: reasonOf(thrown) }),
    );
  }
}
