import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DestinationPolicy } from '#crds/kinds/destination-policy.ts';
import { sample } from '#crds/sample.ts';
import { shippedPolicies } from '#crds/shipped.ts';
import { validate } from '#crds/validate.ts';
import type { Attempt } from '../mail/attempt.ts';
import { explain } from '../insight/explain-reply.ts';
import { PROVIDER_NAMES } from '../mail/provider.ts';
import { reply } from '../mail/reply.ts';
import { ReplyRules } from './reply-rules.ts';
import { meaningOf } from '../settle/rules/meaning.ts';
import { runs } from '../../test/harness/runs.ts';

const shipped = shippedPolicies();
const policies = [...shipped.providers.values(), shipped.every];
const book = new ReplyRules([], shipped);

/** A host of each provider, so that those without domains of their own are known too. */
const HOSTS: Readonly<Record<string, string>> = {
  mimecast: 'eu-smtp-inbound-1.mimecast.com',
  proofpoint: 'mx0a-001.pphosted.com',
  barracuda: 'd1.a.ess.barracudanetworks.com',
  office365: 'example-com.mail.protection.outlook.com',
  google: 'aspmx.l.google.com',
  outlook: 'hotmail-com.olc.protection.outlook.com',
  yahoo: 'mta5.am0.yahoodns.net',
  'yahoo-japan': 'mx1.mail.yahoo.co.jp',
  apple: 'mx01.mail.icloud.com',
  comcast: 'mx1.comcast.net',
  gmx: 'mx00.gmx.net',
  'mail-com': 'mx00.mail.com',
  't-online': 'mx00.t-online.de',
  orange: 'smtp-in.orange.fr',
  laposte: 'smtpz4.laposte.net',
  free: 'mx1.free.fr',
  sfr: 'smtp-in.sfr.fr',
  'mail-ru': 'mxs.mail.ru',
  yandex: 'mx.yandex.ru',
  qq: 'mx3.qq.com',
  netease: '163mx01.mxmail.netease.com',
  att: 'al-ip4-mx-vip1.prodigy.net',
  spectrum: 'mx0.charter.net',
  netvigator: 'mx.netvigator.com',
  kpn: 'mx.kpnmail.nl',
};

const samples = policies.flatMap((policy) =>
  policy.spec.rules.map((rule) => {
    const host = HOSTS[policy.metadata.name];
    const stage = rule.stages?.[0]?.toLowerCase() ?? 'rcpt';
    return { name: `${policy.metadata.name}/${rule.name}`, rule, stage, host, said: rule.sample ?? '' };
  }),
);

describe('the rules that come with the product', () => {
  test('are many, and each provider that is named is one that is known', () => {
    const known = new Set(PROVIDER_NAMES);
    expect(samples.length).toBeGreaterThan(230);
    expect([...shipped.providers.keys()].filter((it) => !known.has(it))).toEqual([]);
    expect(PROVIDER_NAMES.filter((it) => !shipped.providers.has(it))).toEqual([]);
  });

  test.each(samples)('$name knows its sample', ({ name, stage, host, said, rule }) => {
    const found = explain({ domain: 'example.org', stage, said, ...(host !== undefined && { host }) }, book);
    expect(found).toMatchObject({ rule: name, class: rule.class });
  });

  test.each(samples)('$name suppresses nobody but by what is said of an invalid address', ({ said, host }) => {
    for (const stage of ['banner', 'ehlo', 'mail', 'data', 'dot'] as const) {
      const found = explain({ domain: 'example.org', stage, said, ...(host !== undefined && { host }) }, book);
      expect(found.action).not.toBe('suppress');
    }
  });

  test.each(samples)('$name fails nobody before there is a session', ({ said, host }) => {
    for (const stage of ['banner', 'ehlo'] as const) {
      const found = explain({ domain: 'example.org', stage, said, ...(host !== undefined && { host }) }, book);
      expect(found.outcome).toBe('later');
    }
  });
});

describe('the order', () => {
  const policy = (match: object, rules: object[]): DestinationPolicy => {
    const validated = validate(sample('DestinationPolicy', { match, rules }, { name: 'mine' }));
    if (validated.kind !== 'valid' || validated.resource.kind !== 'DestinationPolicy') throw new Error('not a policy');
    return validated.resource;
  };
  const said = '550 5.1.1 The email account that you tried to reach does not exist.';
  const mine = { name: 'mine', pattern: 'email account * does not exist', class: 'Content' };
  const ruleFor = (domain: string, theirs: DestinationPolicy[], host?: string) =>
    explain({ domain, stage: 'rcpt', said, ...(host !== undefined && { host }) }, new ReplyRules(theirs, shipped)).rule;

  test("is a user's own, the provider's, everybody's", () => {
    expect(ruleFor('gmail.com', [policy({ domains: ['gmail.com'] }, [mine])])).toBe('mine/mine');
    expect(ruleFor('gmail.com', [policy({ provider: 'google' }, [mine])])).toBe('mine/mine');
    expect(ruleFor('gmail.com', [policy({ domains: ['example.org'] }, [mine])])).toBe('google/no-such-account');
    expect(ruleFor('example.org', [policy({ provider: 'google' }, [mine])])).toBe('every/no-such-user-others');
  });

  test('knows the provider by the host that answered', () => {
    expect(ruleFor('example.org', [], 'aspmx.l.google.com')).toBe('google/no-such-account');
  });

  test('holds anew for each list of policies, and a list is made once', () => {
    const rules = new ReplyRules([policy({ all: {} }, [mine])], shipped);
    expect(rules.of('a.test')).toBe(rules.of('b.test'));
    expect(rules.of('gmail.com')).not.toBe(rules.of('b.test'));
  });
});

describe('whatever a peer says', () => {
  const attempt = (text: string, code = 550): Attempt => ({
    stage: 'rcpt',
    reply: reply(code, '', text),
    own: false,
    inDoubt: false,
  });

  test('has a meaning, and nothing is thrown', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 999 }), (text, code) => {
        const meaning = meaningOf(attempt(text, code), 1, book.of('gmail.com'));
        const may = code >= 500 || meaning.rule === 'google/same-message-id' ? ['bounced', 'later'] : ['later'];
        expect(may).toContain(meaning.outcome);
      }),
      { numRuns: runs(500) },
    );
  });

  const everyWord = policies.flatMap((it) => it.spec.rules.flatMap((rule) => rule.pattern?.split(/[*|]/) ?? []));
  test.each([
    ['one letter', 'a'.repeat(1 << 20)],
    ['beginnings of a rule', 'user unknow '.repeat(1 << 16)],
    [
      'the words of all rules without their ends',
      everyWord
        .map((it) => it.slice(0, -1))
        .join(' ')
        .repeat(40),
    ],
  ])('C10 is judged in under 5 ms, also when it is a megabyte of %s', (_, text) => {
    const rules = book.of('gmail.com');
    const times = Array.from({ length: 20 }, () => {
      const started = performance.now();
      meaningOf(attempt(text), 1, rules);
      return performance.now() - started;
    });
    expect(Math.min(...times)).toBeLessThan(5);
  });
});
