/**
 * A rule of `DestinationPolicy.spec.rules`: which replies of receivers it is about, what they mean, what is done.
 *
 * Words and bounds only. How rules are tried and what an action does is decided where outcomes are settled.
 */
import { PATTERN_FORM } from '#lib/pattern/pattern.ts';
import { dnsLabel } from '../address.ts';
import { type Infer, type Rule, integer, object, oneOf, ruled, set, text } from '../schema.ts';

const LASTING: ReadonlySet<string> = new Set(['Slow', 'Suspend', 'OtherSource', 'Retry']);

const pattern = () =>
  ruled(
    text({
      max: 1000,
      pattern: PATTERN_FORM,
      says: 'must be words, with * for any text between them and | between alternatives, such as "too many * connections | slow down"',
    }),
    {
      cel: "!self.contains('.*') && !self.contains('.+')",
      message: 'is no regular expression: * alone stands for any text',
      holds: (it) => !it.includes('.*') && !it.includes('.+'),
    },
  );

const limits = () =>
  object({
    connections: integer(1, 10_000).exactOptional().describe('Connections at a time.'),
    messagesPerConnection: integer(1, 100_000).exactOptional().describe('Messages after which a connection is closed.'),
    rate: object({
      count: integer(1, 1_000_000_000).describe('Messages …'),
      perSeconds: integer(1, 86_400).describe('… in so many seconds.'),
    })
      .exactOptional()
      .describe('Messages over time.'),
  });

interface Given {
  readonly pattern?: string;
  readonly codes?: readonly string[];
  readonly action?: string;
  readonly scope?: string;
  readonly limits?: object;
  readonly durationSeconds?: number;
}

const saysWhich: Rule<Given> = {
  cel: 'has(self.pattern) || has(self.codes)',
  message: 'must have a pattern, or codes, or both',
  holds: (it) => it.pattern !== undefined || it.codes !== undefined,
};

const limitsAreForSlow: Rule<Given> = {
  cel: "(has(self.action) && self.action == 'Slow') == has(self.limits)",
  message: 'must have limits exactly when its action is Slow',
  holds: (it) => (it.action === 'Slow') === (it.limits !== undefined),
};

const hasDuration: Rule<Given> = {
  cel: "!(has(self.action) && self.action in ['Slow', 'Suspend']) || has(self.durationSeconds)",
  message: 'must have durationSeconds when its action is Slow or Suspend',
  holds: (it) => !(it.action === 'Slow' || it.action === 'Suspend') || it.durationSeconds !== undefined,
};

const durationHasUse: Rule<Given> = {
  cel: "!has(self.durationSeconds) || has(self.action) && self.action in ['Slow', 'Suspend', 'OtherSource', 'Retry']",
  message: 'must not have durationSeconds unless its action is Slow, Suspend, OtherSource or Retry',
  holds: (it) => it.durationSeconds === undefined || LASTING.has(it.action ?? ''),
};

const scopeHasUse: Rule<Given> = {
  cel: "!has(self.scope) || has(self.action) && self.action in ['Slow', 'Suspend']",
  message: 'must not have a scope unless its action is Slow or Suspend',
  holds: (it) => it.scope === undefined || it.action === 'Slow' || it.action === 'Suspend',
};

export const replyRule = () =>
  ruled(
    object({
      name: dnsLabel().describe('Name of the rule, told with every reply it decides.'),
      pattern: pattern()
        .exactOptional()
        .describe('Words of the reply. Case does not matter; * is any text, | stands between alternatives.'),
      codes: set(
        text({
          max: 11,
          pattern: /^[245]([0-9]{2}|(\.[0-9]{1,3}){0,2})$/,
          says: 'must be a reply code or the beginning of an enhanced one, such as 5, 550, 5.7 or 5.7.1',
        }),
        32,
        1,
      )
        .exactOptional()
        .describe('Reply codes or beginnings of enhanced ones; one of them must fit.'),
      stages: set(oneOf('Banner', 'Ehlo', 'Mail', 'Rcpt', 'Data', 'Dot'), 6, 1)
        .exactOptional()
        .describe('What the reply answers; any of it when absent.'),
      class: oneOf(
        'Invalid Address',
        'Technical',
        'Content',
        'Reputation',
        'Frequency/Volume',
        'Mailbox Unavailable',
        'Unclassified',
      ).describe('What kind of failure it is.'),
      outcome: oneOf('Bounced', 'Later')
        .exactOptional()
        .describe('What becomes of the recipient; when absent the action, then the code decides.'),
      action: oneOf('Suppress', 'Fail', 'Retry', 'Slow', 'Suspend', 'OtherSource', 'Split')
        .exactOptional()
        .describe('What is done; when absent the mail fails or is tried again, as the code says.'),
      scope: oneOf('Source', 'Site', 'Domain')
        .exactOptional()
        .describe(
          'What is slowed or suspended: the source address at the site (default), the site, or the sending domain at the provider.',
        ),
      trigger: object({
        count: integer(1, 100_000).describe('Replies …'),
        perSeconds: integer(1, 7 * 86_400).describe('… in so many seconds.'),
      })
        .exactOptional()
        .describe('How many replies it takes until the action is done; one when absent.'),
      durationSeconds: integer(1, 30 * 86_400)
        .exactOptional()
        .describe('How long the action holds; for Retry, the first wait.'),
      limits: limits().exactOptional().describe('For Slow: the limits while it holds.'),
      sample: text({ max: 1000 }).exactOptional().describe('A reply it is meant for, for people and tests.'),
    }),
    saysWhich,
    limitsAreForSlow,
    hasDuration,
    durationHasUse,
    scopeHasUse,
  );
export type ReplyRule = Infer<ReturnType<typeof replyRule>>;
