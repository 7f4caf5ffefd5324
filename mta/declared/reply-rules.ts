/**
 * Which rules hold for a reply, in the order they are tried: a user's own, then the provider's, then everybody's.
 *
 * A user's own are those of the `DestinationPolicy` that shapes the recipient's domain. The provider is known by the
 * domain or by the host that answered. Lists are made once for each combination, and anew when the resources change.
 */
import type { DestinationPolicy } from '#crds/kinds/destination-policy.ts';
import type { ReplyRule } from '#crds/kinds/reply-rule.ts';
import type { Shipped } from '#crds/shipped.ts';
import { compilePattern } from '#lib/pattern/pattern.ts';
import { seconds } from '#lib/run/clock.ts';
import type { Stage } from '../mail/attempt.ts';
import { providerOf } from '../mail/provider.ts';
import { policyOf } from '../schedule/destination.ts';
import type { Action, Rule, Scope } from '../settle/rules/rule.ts';

export class ReplyRules {
  readonly #policies: readonly DestinationPolicy[];
  readonly #shipped: Shipped;
  readonly #compiled = new Map<DestinationPolicy, readonly Rule[]>();
  readonly #lists = new Map<string, readonly Rule[]>();

  constructor(policies: readonly DestinationPolicy[], shipped: Shipped) {
    this.#policies = policies;
    this.#shipped = shipped;
  }

  /** `host`: the name of who answered, where somebody did. */
  of(domain: string, host?: string): readonly Rule[] {
    const place = { domain, hosts: host === undefined ? [] : [host] };
    const own = policyOf(place, this.#policies);
    const provider = providerOf(place);
    const key = `${own ? this.#policies.indexOf(own) : ''} ${provider ?? ''}`;
    const known = this.#lists.get(key);
    if (known) return known;
    const theirs = provider === undefined ? undefined : this.#shipped.providers.get(provider);
    const list = [own, theirs, this.#shipped.every].flatMap((it) => (it ? this.#rulesOf(it) : []));
    this.#lists.set(key, list);
    return list;
  }

  #rulesOf(policy: DestinationPolicy): readonly Rule[] {
    const known = this.#compiled.get(policy);
    const rules = known ?? policy.spec.rules.map((it) => ruleOf(policy.metadata.name, it));
    this.#compiled.set(policy, rules);
    return rules;
  }
}

function ruleOf(policy: string, it: ReplyRule): Rule {
  return {
    name: `${policy}/${it.name}`,
    class: it.class,
    scope: SCOPES[it.scope ?? 'Source'],
    ...(it.pattern !== undefined && { pattern: compilePattern(it.pattern) }),
    ...(it.codes && { codes: it.codes }),
    ...(it.stages && { stages: new Set(it.stages.flatMap((stage) => STAGES[stage])) }),
    ...(it.outcome && { outcome: OUTCOMES[it.outcome] }),
    ...(it.action && { action: ACTIONS[it.action] }),
    ...(it.trigger && { trigger: { count: it.trigger.count, per: seconds(it.trigger.perSeconds) } }),
    ...(it.durationSeconds !== undefined && { duration: seconds(it.durationSeconds) }),
    ...(it.limits && { limits: it.limits }),
  };
}

const SCOPES = { Source: 'source', Site: 'site', Domain: 'domain' } as const satisfies Record<string, Scope>;
const OUTCOMES = { Bounced: 'bounced', Later: 'later' } as const;

/** What a peer says while the message is on its way answers the message. */
const STAGES: Readonly<Record<NonNullable<ReplyRule['stages']>[number], readonly Stage[]>> = {
  Banner: ['banner'],
  Ehlo: ['ehlo', 'tls'],
  Mail: ['rset', 'mail'],
  Rcpt: ['rcpt'],
  Data: ['data'],
  Dot: ['content', 'dot'],
};

const ACTIONS: Readonly<Record<NonNullable<ReplyRule['action']>, Action>> = {
  Suppress: 'suppress',
  Fail: 'fail',
  Retry: 'retry',
  Slow: 'slow',
  Suspend: 'suspend',
  OtherSource: 'other-source',
  Split: 'split',
};
