import { describe, expect, test } from 'vitest';
import { compilePattern } from '#lib/pattern/pattern.ts';
import type { Attempt, Stage } from '../mail/attempt.ts';
import { reply } from '../mail/reply.ts';
import { classify as classifyBy, type Verdict } from './classify.ts';
import type { Rule } from './rules/rule.ts';

const classify = (attempt: Attempt, attempts: number, rules: readonly Rule[]): Verdict =>
  classifyBy(attempt, attempts, () => rules);

interface Case {
  stage: Stage;
  code: number;
  own?: boolean;
  inDoubt?: boolean;
  want: string;
  why: string;
}

const outcomeOf = (attempt: Attempt, rules: readonly Rule[] = [], attempts = 1): string => {
  const verdict = classify(attempt, attempts, rules);
  return verdict.kind === 'delivered' ? 'delivered' : verdict.meaning.outcome;
};

/** Rule, class, outcome and action. */
function said(verdict: Verdict): string {
  if (verdict.kind === 'delivered') return 'delivered';
  const { rule, class: kind, outcome, action } = verdict.meaning;
  return `${rule} ${kind} ${outcome} ${action}`;
}

test.each<Case>([
  { stage: 'dot', code: 250, want: 'delivered', why: 'the peer took it' },
  { stage: 'dot', code: 252, want: 'delivered', why: 'any 2xx is acceptance' },
  { stage: 'rcpt', code: 550, want: 'bounced', why: 'the peer refused it for good' },
  { stage: 'dot', code: 450, want: 'later', why: 'the peer asks for a later try' },
  { stage: 'mail', code: 421, want: 'later', why: 'the peer closes' },
  { stage: 'rcpt', code: 354, want: 'later', why: 'out of place means the dialogue is broken' },
  { stage: 'rcpt', code: 0, want: 'later', why: 'nobody knows' },
  { stage: 'dot', code: 554, inDoubt: true, want: 'later', why: 'the peer may have taken it' },
  { stage: 'dot', code: 250, inDoubt: true, want: 'later', why: 'the reply is of another, if it is one' },
  { stage: 'rcpt', code: 500, want: 'bounced', why: 'the first of the final ones' },
  { stage: 'rcpt', code: 499, want: 'later', why: 'the last of the temporary ones' },
  { stage: 'mail', code: 552, own: true, want: 'bounced', why: 'the peer announced a limit that is passed' },
  { stage: 'mail', code: 451, own: true, want: 'later', why: 'the connection broke' },
  { stage: 'banner', code: 554, want: 'later', why: 'a greeting says nothing about the message' },
  { stage: 'connect', code: 451, own: true, want: 'later', why: 'the host is away' },
  { stage: 'connect', code: 550, own: true, want: 'later', why: 'another address may be allowed' },
  { stage: 'banner', code: 250, want: 'later', why: 'a greeting is no delivery' },
  { stage: 'resolve', code: 550, own: true, want: 'bounced', why: 'no such domain' },
  { stage: 'resolve', code: 556, own: true, want: 'bounced', why: 'null MX' },
  { stage: 'resolve', code: 451, own: true, want: 'later', why: 'DNS is away' },
  { stage: 'local', code: 554, own: true, want: 'bounced', why: 'it cannot be sent in this form' },
  { stage: 'local', code: 451, own: true, want: 'later', why: 'our own fault is never final' },
])('$stage $code means $want: $why', ({ stage, code, own = false, inDoubt = false, want }) => {
  expect(outcomeOf({ stage, reply: reply(code, '', ''), own, inDoubt })).toBe(want);
});

test.each<[Stage, number, string, Partial<Attempt>, string]>([
  ['dot', 451, '4.4.2', { inDoubt: true }, 'own/in-doubt Technical later retry'],
  ['dot', 554, '5.0.0', { inDoubt: true }, 'own/in-doubt Technical later retry'],
  ['local', 554, '5.0.0', { pause: 1000 }, 'own/held-back Technical later retry'],
  ['local', 451, '4.0.0', { pause: 0 }, 'own/held-back Technical later retry'],
  ['mail', 554, '5.0.0', { pause: 1000 }, 'own/refused-here Technical bounced fail'],
  ['local', 451, '4.0.0', {}, 'own/here Technical later retry'],
  ['local', 500, '5.0.0', {}, 'own/refused-here Technical bounced fail'],
  ['resolve', 451, '4.4.3', {}, 'own/dns Technical later retry'],
  ['resolve', 499, '5.1.2', {}, 'own/dns Technical later retry'],
  ['resolve', 550, '5.1.2', {}, 'own/no-such-domain Invalid Address bounced fail'],
  ['resolve', 556, '5.1.10', {}, 'own/null-mx Invalid Address bounced fail'],
  ['resolve', 550, '5.4.4', {}, 'own/no-route Technical bounced fail'],
  ['mail', 550, '5.1.2', {}, 'own/refused-here Technical bounced fail'],
  ['mail', 550, '5.1.10', {}, 'own/refused-here Technical bounced fail'],
  ['mail', 552, '5.3.4', {}, 'own/too-big Content bounced fail'],
  ['bind', 550, '5.0.0', {}, 'own/no-source Technical later retry'],
  ['connect', 451, '4.4.1', {}, 'own/no-connection Technical later retry'],
  ['banner', 451, '4.4.2', {}, 'own/no-session Technical later retry'],
  ['ehlo', 550, '5.3.4', {}, 'own/no-session Technical later retry'],
  ['tls', 550, '5.7.10', {}, 'own/no-tls Technical later retry'],
  ['data', 451, '4.4.2', {}, 'own/connection-lost Technical later retry'],
])('what we say ourselves at %s, %i %s %j, is %s', (stage, code, enhanced, over, want) => {
  const attempt: Attempt = { stage, reply: reply(code, enhanced, ''), own: true, inDoubt: false, ...over };
  expect(said(classify(attempt, 1, []))).toBe(want);
});

test.each<[Stage, number, string]>([
  ['rcpt', 500, 'none Unclassified bounced fail'],
  ['rcpt', 499, 'none Unclassified later retry'],
  ['banner', 554, 'none Unclassified later retry'],
])('what no rule knows, said at %s with %i, is %s', (stage, code, want) => {
  const attempt: Attempt = { stage, reply: reply(code, '', 'hm'), own: false, inDoubt: false };
  expect(said(classify(attempt, 1, []))).toBe(want);
});

test('who delivers asks for no rules', () => {
  const attempt: Attempt = { stage: 'dot', reply: reply(250, '', ''), own: false, inDoubt: false };
  const rules = (): never => {
    throw new Error('not asked for');
  };
  expect(classifyBy(attempt, 1, rules)).toEqual({ kind: 'delivered' });
});

describe('a rule', () => {
  const rule = (over: Partial<Rule> = {}): Rule => ({
    name: 'p/r',
    pattern: compilePattern('blocked'),
    class: 'Reputation',
    scope: 'source',
    ...over,
  });
  const refusal = (code: number, over: Partial<Attempt> = {}): Attempt => ({
    stage: 'rcpt',
    reply: reply(code, `${Math.floor(code / 100)}.7.1`, 'you are blocked'),
    own: false,
    inDoubt: false,
    ...over,
  });

  test.each<[Partial<Rule>, number, string, string]>([
    [{}, 550, 'bounced', 'fail'],
    [{}, 450, 'later', 'retry'],
    [{ outcome: 'later' }, 550, 'later', 'fail'],
    [{ outcome: 'bounced', action: 'fail' }, 450, 'bounced', 'fail'],
    [{ action: 'fail' }, 450, 'later', 'retry'],
    [{ action: 'retry' }, 550, 'later', 'retry'],
    [{ action: 'slow' }, 550, 'later', 'slow'],
    [{ action: 'split' }, 550, 'later', 'split'],
    [{ action: 'suspend' }, 550, 'bounced', 'suspend'],
    [{ action: 'suspend', outcome: 'later' }, 550, 'later', 'suspend'],
    [{ action: 'suspend' }, 450, 'later', 'suspend'],
    [{ action: 'other-source' }, 550, 'later', 'other-source'],
    [{ action: 'suspend' }, 500, 'bounced', 'suspend'],
    [{ action: 'retry' }, 450, 'later', 'retry'],
    [{}, 500, 'bounced', 'fail'],
    [{}, 499, 'later', 'retry'],
    [{ outcome: 'bounced' }, 450, 'bounced', 'retry'],
    [{ outcome: 'later', action: 'fail' }, 450, 'later', 'retry'],
    // 5.7.1 is a matter of policy.
    [{ action: 'suppress', class: 'Invalid Address' }, 550, 'bounced', 'fail'],
  ])('%j makes of %i: %s, %s', (over, code, outcome, action) => {
    const verdict = classify(refusal(code), 1, [rule(over)]);
    expect(verdict).toMatchObject({ kind: 'failed', meaning: { outcome, action, rule: 'p/r' } });
  });

  test.each<[string, Partial<Rule>, Partial<Attempt>, string]>([
    ['at RCPT about an address', {}, {}, 'suppress'],
    ['at the final dot', {}, { stage: 'dot' }, 'fail'],
    ['at MAIL', {}, { stage: 'mail' }, 'fail'],
    ['in a banner', {}, { stage: 'banner' }, 'retry'],
    ['that is temporary', {}, { reply: reply(450, '4.1.1', 'blocked') }, 'retry'],
    ['that is a matter of policy', {}, { reply: reply(550, '5.7.1', 'blocked') }, 'fail'],
    ['that is a matter of policy, and says no more', {}, { reply: reply(550, '5.7', 'blocked') }, 'fail'],
    ['whose status only looks like one of policy', {}, { reply: reply(550, '5.70.1', 'blocked') }, 'suppress'],
    ['with the first of the final codes', {}, { reply: reply(500, '', 'blocked') }, 'suppress'],
    ['of a full mailbox', { class: 'Mailbox Unavailable' }, {}, 'fail'],
  ])('suppresses only by a permanent reply to RCPT of an invalid address: %s', (_, over, attempt, action) => {
    const refused = refusal(550, { reply: reply(550, '5.1.1', 'blocked'), ...attempt });
    const verdict = classify(refused, 1, [rule({ action: 'suppress', class: 'Invalid Address', ...over })]);
    expect(verdict).toMatchObject({ meaning: { action } });
  });

  test('never matches our own words', () => {
    expect(classify(refusal(550, { own: true }), 1, [rule()])).toMatchObject({ meaning: { rule: 'own/refused-here' } });
  });

  test('for another source is given up after five tries', () => {
    const elsewhere = [rule({ action: 'other-source' })];
    expect([1, 4, 5].map((it) => outcomeOf(refusal(550), elsewhere, it))).toEqual(['later', 'later', 'bounced']);
    expect(outcomeOf(refusal(500), elsewhere, 5)).toBe('bounced');
    expect(outcomeOf(refusal(450), elsewhere, 50)).toBe('later');
    expect(outcomeOf(refusal(550), [rule({ action: 'slow' })], 50)).toBe('later');
  });

  test.each<[Partial<Rule>, string]>([
    [{}, 'retry'],
    [{ outcome: 'bounced', action: 'fail' }, 'retry'],
    [{ action: 'suspend' }, 'suspend'],
  ])('%j fails nobody before there is a session: %s', (over, action) => {
    const verdict = classify(refusal(550, { stage: 'banner' }), 1, [rule(over)]);
    expect(verdict).toMatchObject({ meaning: { outcome: 'later', action } });
  });

  test('is told with the verdict, and in doubt nothing of it is final', () => {
    const by = rule({ outcome: 'bounced', action: 'fail' });
    expect(classify(refusal(550), 1, [by])).toEqual({
      kind: 'failed',
      meaning: { class: 'Reputation', outcome: 'bounced', action: 'fail', rule: 'p/r', by },
    });
    expect(classify(refusal(550, { inDoubt: true }), 1, [by])).toEqual({
      kind: 'failed',
      meaning: { class: 'Reputation', outcome: 'later', action: 'retry', rule: 'p/r', by },
    });
  });

  test('is the first that fits', () => {
    const rules = [rule({ name: 'p/a', codes: ['4'] }), rule({ name: 'p/b' }), rule({ name: 'p/c' })];
    expect(classify(refusal(550), 1, rules)).toMatchObject({ meaning: { rule: 'p/b' } });
  });

  test('looks at a thousand characters of a text and some, and at code and status with it', () => {
    const ruleOf = (text: string, by: Partial<Rule> = {}) =>
      classify(refusal(550, { reply: reply(550, '5.1.1', text) }), 1, [rule(by)]);
    expect(ruleOf(`${'x '.repeat(500)} blocked`)).toMatchObject({ meaning: { rule: 'p/r' } });
    expect(ruleOf(`${'x '.repeat(512)} blocked`)).toMatchObject({ meaning: { rule: 'none' } });
    expect(ruleOf('no', { pattern: compilePattern('550 5.1.1 no') })).toMatchObject({ meaning: { rule: 'p/r' } });
  });

  test.each<[string[], number, string, boolean]>([
    [['5'], 550, '', true],
    [['5'], 450, '', false],
    [['5'], 500, '', true],
    [['5'], 600, '', false],
    [['4'], 500, '', false],
    [['550', '551'], 551, '', true],
    [['550'], 551, '', false],
    [['5.7'], 550, '5.7.1', true],
    [['5.7'], 550, '5.70.1', false],
    [['5.7'], 550, '5.7', true],
    [['7.1'], 550, '5.7.1', false],
    [['5.7.1'], 550, '5.7.1', true],
    [['5.7.1'], 550, '5.7.10', false],
    [['5.7.1'], 550, '', false],
  ])('with codes %j fits %i %j: %s', (codes, code, enhanced, want) => {
    const verdict = classify(refusal(code, { reply: reply(code, enhanced, 'blocked') }), 1, [rule({ codes })]);
    expect(verdict).toMatchObject({ meaning: { rule: want ? 'p/r' : 'none' } });
  });

  test('of a stage fits nothing said at another', () => {
    const atRcpt = [rule({ stages: new Set<Stage>(['rcpt']) })];
    expect(classify(refusal(550), 1, atRcpt)).toMatchObject({ meaning: { rule: 'p/r' } });
    expect(classify(refusal(550, { stage: 'dot' }), 1, atRcpt)).toMatchObject({ meaning: { rule: 'none' } });
  });
});
