import { describe, expect, test } from 'vitest';
import { shippedPolicies } from '#crds/shipped.ts';
import { explain, explainReplyCommand, type Question } from './explain-reply.ts';
import { ReplyRules } from '../declared/reply-rules.ts';

const EXAMPLE = 'examples/standalone';
const book = new ReplyRules([], shippedPolicies());

const print = async (question: Partial<Question>, asJson = false): Promise<string> => {
  const printed: string[] = [];
  const whole = { domain: 'example.org', stage: 'rcpt', said: '550 5.1.1 no such user', ...question };
  await explainReplyCommand(whole, EXAMPLE, asJson, (text) => printed.push(text));
  return printed.join('\n');
};

test.each<[string, string, string, string, string, string?]>([
  [
    'gmail.com',
    '550 5.1.1 The email account that you tried to reach does not exist',
    'Invalid Address',
    'bounced',
    'suppress',
  ],
  [
    'gmail.com',
    '550-5.1.1 The email account that you tried\\n550 5.1.1 to reach does not exist',
    'Invalid Address',
    'bounced',
    'suppress',
  ],
  [
    'gmail.com',
    '550 5.2.1 The user is receiving mail at a rate that prevents additional messages',
    'Frequency/Volume',
    'later',
    'retry',
  ],
  [
    'gmail.com',
    '452 4.2.2 The email account that you tried to reach is over quota',
    'Mailbox Unavailable',
    'later',
    'retry',
  ],
  [
    'gmail.com',
    '421 4.7.0 This message is suspicious due to the very low reputation of the sending domain',
    'Reputation',
    'later',
    'suspend',
    'domain',
  ],
  [
    'gmail.com',
    '550 5.7.26 This mail has been blocked because the sender is unauthenticated',
    'Technical',
    'bounced',
    'fail',
  ],
  [
    'outlook.com',
    '451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation',
    'Reputation',
    'later',
    'suspend',
    'source',
  ],
  [
    'yahoo.com',
    '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred',
    'Reputation',
    'later',
    'suspend',
    'source',
  ],
  [
    'yahoo.com',
    "554 delivery error: dd This user doesn't have a yahoo.com account",
    'Invalid Address',
    'bounced',
    'suppress',
  ],
  ['qq.com', '550 Connection frequency limited', 'Frequency/Volume', 'later', 'suspend', 'source'],
  [
    'example.org',
    '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org',
    'Reputation',
    'later',
    'other-source',
  ],
  ['example.org', '550 5.7.1 This message looks like spam', 'Content', 'bounced', 'fail'],
  [
    'example.org',
    '450 4.2.0 Greylisted, see http://postgrey.schweikert.ch/help/example.org.html',
    'Technical',
    'later',
    'retry',
  ],
  ['example.org', '452 4.5.3 Too many recipients', 'Frequency/Volume', 'later', 'split'],
  ['example.org', '552 5.2.2 Mailbox full', 'Mailbox Unavailable', 'bounced', 'fail'],
  ['example.org', '450 4.1.1 User unknown in local recipient table', 'Invalid Address', 'later', 'retry'],
  ['example.org', '550 5.7.1 no such user', 'Invalid Address', 'bounced', 'fail'],
  ['example.org', '554 5.4.6 Too many hops', 'Technical', 'bounced', 'fail'],
  ['example.org', '550 nobody knows what this is', 'Unclassified', 'bounced', 'fail'],
  ['example.org', '451 nobody knows what this is', 'Unclassified', 'later', 'retry'],
  ['example.org', '550', 'Unclassified', 'bounced', 'fail'],
])('%s: %s is %s, %s, %s', (domain, said, kind, outcome, action, scope) => {
  expect(explain({ domain, stage: 'rcpt', said }, book)).toMatchObject({
    class: kind,
    outcome,
    action,
    ...(scope !== undefined && { scope }),
  });
});

describe('explain-reply', () => {
  test('prints what programs read', async () => {
    expect(JSON.parse(await print({}, true))).toEqual({
      class: 'Invalid Address',
      outcome: 'bounced',
      action: 'suppress',
      rule: 'every/no-such-user',
    });
  });

  test('prints what people read', async () => {
    expect(await print({ domain: 'yahoo.com', said: '421 4.7.0 [TSS04] deferred' })).toBe(
      'Reputation: later\naction  suspend source, for 7200 s\nrule    yahoo/complaints',
    );
  });

  test('says that mail was taken', async () => {
    expect(JSON.parse(await print({ said: '250 2.0.0 ok', stage: 'dot' }, true))).toEqual({ outcome: 'delivered' });
  });

  test.each([
    [{ stage: 'quit' }, 'stage-unknown'],
    [{ said: 'no such user' }, 'reply-unreadable'],
    [{ said: '' }, 'reply-unreadable'],
    [{ said: '999 what' }, 'reply-unreadable'],
  ])('refuses %j', async (question, code) => {
    await expect(print(question)).rejects.toMatchObject({ code });
  });
});

test('docs/reference/reply-rules.md has the rules as they are (`vitest run mta/explain-reply -u` writes it)', async () => {
  const { providers, every } = shippedPolicies();
  const sections = [...providers.values(), every].map(({ metadata, spec }) => {
    const rows = spec.rules.map((it) => {
      const matched = [it.codes?.join(', '), it.pattern?.replaceAll('|', '\\|')].filter(Boolean).join(': ');
      const trigger = it.trigger ? `, after ${it.trigger.count} in ${it.trigger.perSeconds} s` : '';
      const long = it.durationSeconds === undefined ? '' : ` for ${it.durationSeconds} s`;
      const scope = it.action === 'Suspend' || it.action === 'Slow' ? ` ${it.scope ?? 'Source'}` : '';
      const action = it.action ? `${it.action}${scope}${long}${trigger}` : 'by code';
      return `| ${it.name} | ${it.class} | ${it.outcome ?? ''} | ${action} | ${matched} |`;
    });
    const { connections = '', messagesPerConnection = '' } = spec.limits;
    const limits = `connections: ${connections || 'default'}; messages per connection: ${messagesPerConnection || 'default'}; TLS: ${spec.tls ?? 'default'}`;
    const head = '| rule | class | outcome | action | codes and words |\n|---|---|---|---|---|\n';
    return `## ${metadata.name}\n\n${limits}\n${rows.length > 0 ? `\n${head}${rows.join('\n')}\n` : ''}`;
  });
  const page = `# What replies mean: every rule\n\nMade from \`crds/shipped/\`; how to read it is in [replies](../operations/replies.md).\n\n${sections.join('\n')}`;
  await expect(page).toMatchFileSnapshot('../../docs/reference/reply-rules.md');
});
