/**
 * A rule: which replies it is about and what they mean. Whether it fits a reply is decided here, and only here.
 *
 * Rules are data; their documents are `DestinationPolicy.spec.rules`. Which rules are tried, in which order, is said by
 * whoever makes the list; what a rule's word comes to for a recipient is `meaning.ts`'s business.
 */
import { type FoldedText, foldText, matches, type Pattern } from '#lib/pattern/pattern.ts';
import type { Duration } from '#lib/run/clock.ts';
import type { Stage } from '../../mail/attempt.ts';
import type { Firing, SlowLimits } from '../../mail/firing.ts';
import { type Reply, type ReplyClass, replyLine } from '../../mail/reply.ts';

/**
 * What is done about a reply. `suppress`: the address is never written to again. `fail`: this mail fails. `retry`: this
 * mail is tried again. `slow`, `suspend`: lower limits, or nothing at all, for a time. `other-source`: mail leaves from
 * another address of the pool for a time, if there is one. `split`: the recipient goes into a transaction of its own.
 */
export type Action = 'suppress' | 'fail' | 'retry' | 'slow' | 'suspend' | 'other-source' | 'split';

/** What is slowed or suspended. */
export type Scope = Firing['scope'];

export interface Rule {
  /** `policy/rule`. */
  readonly name: string;
  readonly pattern?: Pattern;
  /** `550`, `5`, `5.7`, `5.7.1`. */
  readonly codes?: readonly string[];
  readonly stages?: ReadonlySet<Stage>;
  readonly class: ReplyClass;
  readonly outcome?: 'bounced' | 'later';
  /** The code decides when there is none. */
  readonly action?: Action;
  readonly scope: Scope;
  /** How many replies it takes, in how long, until the action is done. */
  readonly trigger?: { readonly count: number; readonly per: Duration };
  readonly duration?: Duration;
  readonly limits?: SlowLimits;
}

/** A reply as rules see it. */
export interface Said {
  readonly code: number;
  readonly enhanced: string;
  /** Code, status and text. */
  readonly text: FoldedText;
  readonly stage: Stage;
}

/** What is looked at of a reply's text: as much as is kept of it. */
const LOOKED_AT = 1024;

export function saidOf(reply: Reply, stage: Stage): Said {
  const { code, enhanced } = reply;
  const text = reply.text.slice(0, LOOKED_AT);
  return { code, enhanced, text: foldText(replyLine({ code, enhanced, text })), stage };
}

export function fits(rule: Rule, said: Said): boolean {
  if (rule.stages && !rule.stages.has(said.stage)) return false;
  if (rule.codes && !rule.codes.some((it) => codeFits(it, said))) return false;
  return !rule.pattern || matches(rule.pattern, said.text);
}

function codeFits(code: string, said: Said): boolean {
  if (code.length === 1) return said.code >= 100 * Number(code) && said.code < 100 * (Number(code) + 1);
  if (!code.includes('.')) return said.code === Number(code);
  return said.enhanced === code || said.enhanced.startsWith(`${code}.`);
}
