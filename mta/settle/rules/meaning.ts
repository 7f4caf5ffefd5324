/**
 * What a reply means for its recipient: class, outcome and action, by the first rule that fits. Pure.
 *
 * Only a peer's own words are judged by rules; what we say ourselves has a short table. Whatever a rule says, nobody is
 * suppressed but by a permanent reply to RCPT about an address that is invalid, and never by a matter of policy
 * (5.7.x); what was said before a session about nobody in particular fails nobody (RFC 5321 §4.2.1); what is temporary
 * fails only if the rule says so outright.
 */
import { type Attempt, isBeforeSession, type Stage } from '../../mail/attempt.ts';
import type { ReplyClass } from '../../mail/reply.ts';
import { type Action, fits, type Rule, type Said, saidOf } from './rule.ts';

export interface Meaning {
  readonly class: ReplyClass;
  readonly outcome: 'bounced' | 'later';
  readonly action: Action;
  /** Name of the rule. */
  readonly rule: string;
  /** The rule itself; absent for our own words and when none fits. */
  readonly by?: Rule;
}

/** Attempts after which a refusal for good is believed even where another source might fare better. */
const MOST_TRIES_ELSEWHERE = 5;

/** `attempts`: made so far, this one included. Not for replies that take the message. */
export function meaningOf(attempt: Attempt, attempts: number, rules: readonly Rule[]): Meaning {
  if (attempt.own) return ownMeaning(attempt);
  const said = saidOf(attempt.reply, attempt.stage);
  const rule = rules.find((it) => fits(it, said));
  if (!rule) return unknown(said);
  const action = actionOf(rule, said);
  return { class: rule.class, outcome: outcomeOf(rule, action, said, attempts), action, rule: rule.name, by: rule };
}

function actionOf(rule: Rule, said: Said): Action {
  const byCode = said.code >= 500 && !isBeforeSession(said.stage) ? 'fail' : 'retry';
  if (rule.action === undefined) return byCode;
  if (rule.action === 'suppress') return maySuppress(rule, said) ? 'suppress' : byCode;
  if (rule.action === 'fail') return rule.outcome === 'bounced' && !isBeforeSession(said.stage) ? 'fail' : byCode;
  return rule.action;
}

const maySuppress = (rule: Rule, said: Said): boolean =>
  rule.class === 'Invalid Address' &&
  said.stage === 'rcpt' &&
  said.code >= 500 &&
  said.enhanced !== '5.7' &&
  !said.enhanced.startsWith('5.7.');

const GOES_ON: ReadonlySet<Action> = new Set(['retry', 'slow', 'other-source', 'split']);

function outcomeOf(rule: Rule, action: Action, said: Said, attempts: number): 'bounced' | 'later' {
  if (isBeforeSession(said.stage)) return 'later';
  if (action === 'other-source' && said.code >= 500 && attempts >= MOST_TRIES_ELSEWHERE) return 'bounced';
  if (rule.outcome) return rule.outcome;
  return said.code >= 500 && !GOES_ON.has(action) ? 'bounced' : 'later';
}

/** What no rule knows is temporary unless it says otherwise itself. */
function unknown({ code, stage }: Said): Meaning {
  const isFinal = code >= 500 && !isBeforeSession(stage);
  return {
    class: 'Unclassified',
    outcome: isFinal ? 'bounced' : 'later',
    action: isFinal ? 'fail' : 'retry',
    rule: 'none',
  };
}

/** There is nobody to ask, our own rules forbid the try, or the peer has announced a limit that is passed. */
function ownMeaning({ stage, reply, inDoubt, pause }: Attempt): Meaning {
  if (inDoubt) return own('in-doubt', 'later');
  if (stage === 'local' && pause !== undefined) return own('held-back', 'later');
  if (reply.code < 500 || isBeforeSession(stage)) return own(OWN_NAMES[stage] ?? 'connection-lost', 'later');
  if (stage === 'resolve' && reply.enhanced === '5.1.2') return nowhere('no-such-domain');
  if (stage === 'resolve' && reply.enhanced === '5.1.10') return nowhere('null-mx');
  if (reply.enhanced === '5.3.4') return { ...own('too-big', 'bounced'), class: 'Content' };
  return own(stage === 'resolve' ? 'no-route' : 'refused-here', 'bounced');
}

const OWN_NAMES: Partial<Record<Stage, string>> = {
  resolve: 'dns',
  local: 'here',
  bind: 'no-source',
  connect: 'no-connection',
  banner: 'no-session',
  ehlo: 'no-session',
  tls: 'no-tls',
};

const own = (name: string, outcome: 'bounced' | 'later'): Meaning => ({
  class: 'Technical',
  outcome,
  action: outcome === 'bounced' ? 'fail' : 'retry',
  rule: `own/${name}`,
});

/** The domain takes no mail: so says DNS, which may be mistaken for a while. */
const nowhere = (name: string): Meaning => ({ ...own(name, 'bounced'), class: 'Invalid Address' });
