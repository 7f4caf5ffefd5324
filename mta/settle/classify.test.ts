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

test.each<Case>([
  { stage: 'dot', code: 250, want: 'delivered', why: 'the peer took it' },
  { stage: 'dot', code: 252, want: 'delivered', why: 'any 2xx is acceptance' },
  { stage: 'rcpt', code: 550, want: 'bounced', why: 'the peer refused it for good' },
  { stage: 'dot', code: 450, want: 'later', why: 'the peer asks for a later try' },
  { stage: 'mail', code: 421, want: 'later', why: 'the peer closes' },
  { stage: 'rcpt', code: 354, want: 'later', why: 'out of place means the dialogue is broken' },
  { stage: 'rcpt', code: 0, want: 'later', why: 'nobody knows' },
  { stage: 'dot', code: 554, inDoubt: true, want: 'later', why: 'the peer may have taken it' },
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

describe('a rule', () => {
  const rule = (over: Partial<Rule> = {}): Rule => ({
    name: 'p/r',
    pattern: compilePattern('blocked'),
    class: 'Reputation',
    scope: 'source',
    ...over,
  });
  const said = (code: number, over: Partial<Attempt> = {}): Attempt => ({
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
    // 5.7.1 is a matter of policy.
    [{ action: 'suppress', class: 'Invalid Address' }, 550, 'bounced', 'fail'],
  ])('%j makes of %i: %s, %s', (over, code, outcome, action) => {
    const verdict = classify(said(code), 1, [rule(over)]);
    expect(verdict).toMatchObject({ kind: 'failed', meaning: { outcome, action, rule: 'p/r' } });
  });

  test.each<[string, Partial<Rule>, Partial<Attempt>, string]>([
    ['at RCPT about an address', {}, {}, 'suppress'],
    ['at the final dot', {}, { stage: 'dot' }, 'fail'],
    ['at MAIL', {}, { stage: 'mail' }, 'fail'],
    ['in a banner', {}, { stage: 'banner' }, 'retry'],
    ['that is temporary', {}, { reply: reply(450, '4.1.1', 'blocked') }, 'retry'],
    ['that is a matter of policy', {}, { reply: reply(550, '5.7.1', 'blocked') }, 'fail'],
    ['of a full mailbox', { class: 'Mailbox Unavailable' }, {}, 'fail'],
  ])('suppresses only by a permanent reply to RCPT of an invalid address: %s', (_, over, attempt, action) => {
    const refused = said(550, { reply: reply(550, '5.1.1', 'blocked'), ...attempt });
    const verdict = classify(refused, 1, [rule({ action: 'suppress', class: 'Invalid Address', ...over })]);
    expect(verdict).toMatchObject({ meaning: { action } });
  });

  test('never matches our own words', () => {
    expect(classify(said(550, { own: true }), 1, [rule()])).toMatchObject({ meaning: { rule: 'own/refused-here' } });
  });

  test('for another source is given up after five tries', () => {
    const elsewhere = [rule({ action: 'other-source' })];
    expect([1, 4, 5].map((it) => outcomeOf(said(550), elsewhere, it))).toEqual(['later', 'later', 'bounced']);
    expect(outcomeOf(said(450), elsewhere, 50)).toBe('later');
  });

  test.each<[string[], number, string, boolean]>([
    [['5'], 550, '', true],
    [['5'], 450, '', false],
    [['550', '551'], 551, '', true],
    [['550'], 551, '', false],
    [['5.7'], 550, '5.7.1', true],
    [['5.7'], 550, '5.70.1', false],
    [['5.7.1'], 550, '5.7.1', true],
    [['5.7.1'], 550, '5.7.10', false],
    [['5.7.1'], 550, '', false],
  ])('with codes %j fits %i %j: %s', (codes, code, enhanced, want) => {
    const verdict = classify(said(code, { reply: reply(code, enhanced, 'blocked') }), 1, [rule({ codes })]);
    expect(verdict).toMatchObject({ meaning: { rule: want ? 'p/r' : 'none' } });
  });

  test('of a stage fits nothing said at another', () => {
    const atRcpt = [rule({ stages: new Set<Stage>(['rcpt']) })];
    expect(classify(said(550), 1, atRcpt)).toMatchObject({ meaning: { rule: 'p/r' } });
    expect(classify(said(550, { stage: 'dot' }), 1, atRcpt)).toMatchObject({ meaning: { rule: 'none' } });
  });
});
