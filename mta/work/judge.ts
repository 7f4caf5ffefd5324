/**
 * Judges what a report says of a recipient by the rules that replies in a session are judged by, as if it had been said to
 * RCPT. Lists of rules are made anew when the resources change.
 */
import { shippedPolicies } from '#crds/shipped.ts';
import type { Resources } from '#crds/source/resources.ts';
import type { Judge } from '../accept/returns/consequence.ts';
import { domainOf } from '../mail/message.ts';
import { ReplyRules } from '../declared/reply-rules.ts';
import { classify } from '../settle/classify.ts';

export function judgeBy(resources: () => Pick<Resources, 'policies'>): Judge {
  let made: { readonly of: Pick<Resources, 'policies'>; readonly rules: ReplyRules } | undefined;
  return (recipient, said, host) => {
    const now = resources();
    if (made?.of !== now) made = { of: now, rules: new ReplyRules(now.policies, shippedPolicies()) };
    const { rules } = made;
    const attempt = { stage: 'rcpt', reply: said, own: false, inDoubt: false } as const;
    const verdict = classify(attempt, 1, () => rules.of(domainOf(recipient), host));
    if (verdict.kind === 'delivered') return { class: 'Unclassified', rule: 'none', suppresses: false };
    const { class: kind, rule, action } = verdict.meaning;
    return { class: kind, rule, suppresses: action === 'suppress' };
  };
}
