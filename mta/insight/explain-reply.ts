/**
 * `postfleet explain-reply`: what a receiver's reply would mean for a recipient, by the rules that sending goes by.
 */
import { shippedPolicies } from '#crds/shipped.ts';
import { openFolder } from '#crds/source/folder.ts';
import { systemClock } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Stage } from '../mail/attempt.ts';
import { enhancedOf, type Reply, reply } from '../mail/reply.ts';
import { ReplyRules } from '../declared/reply-rules.ts';
import { classify } from '../settle/classify.ts';
import type { Rule } from '../settle/rules/rule.ts';

/** What can be answered, by the words of SMTP. */
const STAGES: readonly Stage[] = ['banner', 'ehlo', 'mail', 'rcpt', 'data', 'dot'];

export interface Question {
  readonly domain: string;
  readonly stage: string;
  /** Name of the host that answered. */
  readonly host?: string;
  /** As on the wire, lines joined by spaces or line ends. */
  readonly said: string;
}

export interface Explanation {
  readonly class?: string;
  readonly outcome: 'delivered' | 'bounced' | 'later';
  readonly action?: string;
  readonly rule?: string;
  readonly scope?: string;
  /** How many replies it takes until the action is done, where it takes more than one. */
  readonly count?: number;
  readonly perSeconds?: number;
  readonly durationSeconds?: number;
}

/** Prints to `print`; `config` holds the resources whose policies count too. */
export async function explainReplyCommand(
  question: Question,
  config: string,
  asJson: boolean,
  print: (text: string) => void,
): Promise<void> {
  const source = await openFolder(config, systemClock);
  await source.close();
  const explanation = explain(question, new ReplyRules(source.current().policies, shippedPolicies()));
  print(asJson ? JSON.stringify(explanation) : sentence(explanation));
}

export function explain({ domain, stage, host, said }: Question, rules: ReplyRules): Explanation {
  const attempt = { stage: stageOf(stage), reply: parseReply(said), own: false, inDoubt: false };
  const verdict = classify(attempt, 1, () => rules.of(domain.toLowerCase(), host?.toLowerCase()));
  if (verdict.kind === 'delivered') return { outcome: 'delivered' };
  const { class: kind, outcome, action, rule, by } = verdict.meaning;
  return { class: kind, outcome, action, rule, ...(by && termsOf(by, action)) };
}

/** How far an action that is done goes, and what it takes. */
function termsOf(by: Rule, action: string): Partial<Explanation> {
  if (by.action !== action) return {};
  return {
    ...((action === 'slow' || action === 'suspend') && { scope: by.scope }),
    ...(by.trigger && { count: by.trigger.count, perSeconds: by.trigger.per / 1000 }),
    ...(by.duration !== undefined && { durationSeconds: by.duration / 1000 }),
  };
}

function stageOf(word: string): Stage {
  const stage = STAGES.find((it) => it === word);
  if (!stage) throw new Fault('stage-unknown', `--stage must be one of ${STAGES.join(', ')}`);
  return stage;
}

/** `550-5.1.1 one\n550 5.1.1 two` and `550 5.1.1 one two`. */
function parseReply(said: string): Reply {
  const lines = said.trim().split(/\r?\n|\\n/);
  const code = Number(/^[2-5]\d\d(?=[ -]|$)/.exec(lines[0] ?? '')?.[0] ?? 0);
  if (code === 0) throw new Fault('reply-unreadable', "a reply begins with its code: '550 5.1.1 no such user'");
  const texts = lines.map((line) => (line.startsWith(String(code)) ? line.slice(4) : line).trim());
  const enhanced = texts.map((it) => enhancedOf(code, it)).find((it) => it !== '') ?? '';
  const rest = texts.map((it) => (enhanced !== '' && it.startsWith(enhanced) ? it.slice(enhanced.length).trim() : it));
  return reply(code, enhanced, rest.join('\n'));
}

function sentence(it: Explanation): string {
  if (it.outcome === 'delivered') return 'delivered: the receiver has taken the message';
  const times = it.count === undefined ? '' : `, after ${it.count} in ${it.perSeconds} s`;
  const long = it.durationSeconds === undefined ? '' : `, for ${it.durationSeconds} s`;
  const what = it.scope === undefined ? it.action : `${it.action} ${it.scope}`;
  return `${it.class}: ${it.outcome}\naction  ${what}${times}${long}\nrule    ${it.rule}`;
}
