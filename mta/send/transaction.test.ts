import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { enhancedOf, reply, type Reply, replyLine } from '../mail/reply.ts';
import { type Capabilities, noCapabilities } from './capabilities.ts';
import type { Mail } from './envelope.ts';
import { type Step, Transaction, type TransactionResult } from './transaction.ts';

const PIPELINING: Capabilities = { ...noCapabilities, pipelining: true };

const mailFor = (...recipients: string[]): Mail => ({
  sender: 'a@x',
  recipients,
  body: '7BIT',
  content: [Buffer.from('\r\nhello\r\n')],
});

/** `550 5.1.1 no` as a reply. */
function parse(line: string): Reply {
  const code = Number(line.slice(0, 3));
  const enhanced = enhancedOf(code, line.slice(4));
  return reply(code, enhanced, line.slice(enhanced ? enhanced.length + 5 : 4));
}

/** Plays `replies` to a transaction: what it writes ('+' = message and dot), and how it ends if it does. */
function play(mail: Mail, peer: Capabilities, replies: readonly string[], isOpen = false) {
  const transaction = new Transaction(mail, peer, isOpen);
  const writes: string[] = [];
  let step: Step = transaction.start();
  let read = 0;
  for (;;) {
    if (step.kind === 'done') return { writes, read, result: step.result, aftermath: step.aftermath };
    if (step.kind === 'say') writes.push(step.text.trimEnd().replaceAll('\r\n', '|'));
    if (step.kind === 'content') {
      writes.push('+');
      transaction.dotHandedOver();
    }
    const next = replies[read];
    if (next === undefined) return { writes, read, transaction };
    read += 1;
    step = transaction.heard(parse(next));
  }
}

const verdicts = (result: TransactionResult | undefined): string[] =>
  (result?.verdicts ?? []).map((it) => `${it.own ? 'own ' : ''}${it.stage} ${replyLine(it.reply)}`);

const ENVELOPE = 'MAIL FROM:<a@x>|RCPT TO:<b@y>|RCPT TO:<c@y>|DATA';

describe('a transaction with pipelining', () => {
  test.each<[string, string[], string[], string[], string]>([
    ['all is well', ['250 a', '250 b', '250 c', '354 go', '250 2.0.0 queued'], [ENVELOPE, '+'], ['dot 250 2.0.0 queued', 'dot 250 2.0.0 queued'], 'clean'],
    ['one recipient is refused', ['250 a', '550 5.1.1 no', '251 c', '354 go', '250 ok'], [ENVELOPE, '+'], ['rcpt 550 5.1.1 no', 'dot 250 ok'], 'clean'],
    ['one is deferred, the message refused', ['250 a', '450 b', '250 c', '354 go', '554 5.7.1 spam'], [ENVELOPE, '+'], ['rcpt 450 b', 'dot 554 5.7.1 spam'], 'clean'],
    ['all recipients are refused', ['250 a', '550 b', '551 c', '554 none'], [ENVELOPE], ['rcpt 550 b', 'rcpt 551 c'], 'open'],
    ['354 for nobody', ['250 a', '550 b', '551 c', '354 go', '554 empty'], [ENVELOPE, '.'], ['rcpt 550 b', 'rcpt 551 c'], 'clean'],
    ['354 for nobody, accepted', ['250 a', '550 b', '551 c', '354 go', '250 ok'], [ENVELOPE, '.'], ['rcpt 550 b', 'rcpt 551 c'], 'clean'],
    ['the sender is refused', ['550 5.7.1 not you', '503 b', '503 c', '503 d'], [ENVELOPE], ['mail 550 5.7.1 not you', 'mail 550 5.7.1 not you'], 'clean'],
    ['the sender is refused, the recipients are not', ['450 later', '250 b', '250 c', '354 go', '250 ok'], [ENVELOPE, '.'], ['mail 450 later', 'mail 450 later'], 'clean'],
    ['DATA is refused', ['250 a', '250 b', '550 c', '451 4.3.0 busy'], [ENVELOPE], ['data 451 4.3.0 busy', 'rcpt 550 c'], 'open'],
    ['421 to the sender', ['421 4.7.0 bye'], [ENVELOPE], ['mail 421 4.7.0 bye', 'mail 421 4.7.0 bye'], 'unusable'],
    ['421 in the middle', ['250 a', '550 b', '421 bye'], [ENVELOPE], ['rcpt 550 b', 'rcpt 421 bye'], 'unusable'],
    ['421 after an accepted recipient', ['250 a', '250 b', '421 bye'], [ENVELOPE], ['rcpt 421 bye', 'rcpt 421 bye'], 'unusable'],
    ['421 to DATA', ['250 a', '250 b', '250 c', '421 bye'], [ENVELOPE], ['data 421 bye', 'data 421 bye'], 'unusable'],
    ['421 to the message', ['250 a', '250 b', '250 c', '354 go', '421 bye'], [ENVELOPE, '+'], ['dot 421 bye', 'dot 421 bye'], 'unusable'],
  ])('%s', (_, replies, writes, expected, aftermath) => {
    const played = play(mailFor('b@y', 'c@y'), PIPELINING, replies);
    expect(played).toMatchObject({ writes, aftermath, read: replies.length });
    expect(verdicts(played.result)).toEqual(expected);
    expect(played.result?.failure).toBeUndefined();
  }); // prettier-ignore
});

describe('a transaction without pipelining', () => {
  const [MAIL, B, C] = ['MAIL FROM:<a@x>', 'RCPT TO:<b@y>', 'RCPT TO:<c@y>'];
  test.each<[string, string[], string[], string[], string]>([
    ['all is well', ['250 a', '250 b', '250 c', '354 go', '250 ok'], [MAIL, B, C, 'DATA', '+'], ['dot 250 ok', 'dot 250 ok'], 'clean'],
    ['the sender is refused', ['550 no'], [MAIL], ['mail 550 no', 'mail 550 no'], 'clean'],
    ['all recipients are refused', ['250 a', '550 b', '450 c'], [MAIL, B, C], ['rcpt 550 b', 'rcpt 450 c'], 'open'],
    ['the last recipient is refused', ['250 a', '250 b', '550 c', '354 go', '250 ok'], [MAIL, B, C, 'DATA', '+'], ['dot 250 ok', 'rcpt 550 c'], 'clean'],
    ['DATA is refused', ['250 a', '250 b', '250 c', '554 no'], [MAIL, B, C, 'DATA'], ['data 554 no', 'data 554 no'], 'open'],
  ])('%s', (_, replies, writes, expected, aftermath) => {
    const played = play(mailFor('b@y', 'c@y'), noCapabilities, replies);
    expect(played).toMatchObject({ writes, aftermath, read: replies.length });
    expect(verdicts(played.result)).toEqual(expected);
  }); // prettier-ignore
});

describe('a transaction in a chunk', () => {
  const CHUNKING: Capabilities = { ...PIPELINING, chunking: true };
  const BOTH = 'MAIL FROM:<a@x>|RCPT TO:<b@y>|RCPT TO:<c@y>';
  const UNKNOWN = 'the receiver announces CHUNKING and answers BDAT with';
  test.each<[string, string[], string[], string[], string]>([
    ['all is well', ['250 a', '250 b', '250 c', '250 2.0.0 queued'], [BOTH, '+'], ['dot 250 2.0.0 queued', 'dot 250 2.0.0 queued'], 'clean'],
    ['one recipient is refused', ['250 a', '550 b', '250 c', '250 ok'], [BOTH, '+'], ['rcpt 550 b', 'dot 250 ok'], 'clean'],
    ['all recipients are refused: no octet of it goes', ['250 a', '550 b', '450 c'], [BOTH], ['rcpt 550 b', 'rcpt 450 c'], 'open'],
    ['the sender is refused', ['550 a', '503 b', '250 c'], [BOTH], ['mail 550 a', 'mail 550 a'], 'clean'],
    ['the message is refused', ['250 a', '250 b', '250 c', '554 5.7.1 spam'], [BOTH, '+'], ['dot 554 5.7.1 spam', 'dot 554 5.7.1 spam'], 'open'],
    ['the message is deferred', ['250 a', '250 b', '550 c', '452 4.3.1 full'], [BOTH, '+'], ['dot 452 4.3.1 full', 'rcpt 550 c'], 'open'],
    ['421 to the message', ['250 a', '250 b', '250 c', '421 bye'], [BOTH, '+'], ['dot 421 bye', 'dot 421 bye'], 'unusable'],
    ['BDAT is not known', ['250 a', '250 b', '250 c', '500 what?'], [BOTH, '+'], [`own dot 451 4.5.0 ${UNKNOWN} 500 what?`, `own dot 451 4.5.0 ${UNKNOWN} 500 what?`], 'unusable'],
    ['BDAT is not known, with a status', ['250 a', '250 b', '550 c', '502 5.5.1 no'], [BOTH, '+'], [`own dot 451 4.5.0 ${UNKNOWN} 502 5.5.1 no`, 'rcpt 550 c'], 'unusable'],
    ['500 is about the message', ['250 a', '250 b', '250 c', '500 5.7.1 spam'], [BOTH, '+'], ['dot 500 5.7.1 spam', 'dot 500 5.7.1 spam'], 'open'],
  ])('%s', (_, replies, writes, expected, aftermath) => {
    const played = play(mailFor('b@y', 'c@y'), CHUNKING, replies);
    expect(played).toMatchObject({ writes, aftermath, read: replies.length });
    expect(verdicts(played.result)).toEqual(expected);
    expect(played.result?.failure).toBeUndefined();
  }); // prettier-ignore

  test('goes command by command where there is no pipelining', () => {
    const played = play(mailFor('b@y'), { ...noCapabilities, chunking: true }, ['250 a', '250 b', '250 ok']);
    expect(played.writes).toEqual(['MAIL FROM:<a@x>', 'RCPT TO:<b@y>', '+']);
  });

  test.each([
    [['250 a', '250 b', '550 c'], 'content', false],
    [['250 a', '550 b'], 'rcpt', false],
  ])('that breaks after %j, with nothing handed over, is in doubt: %s %s', (replies, stage, inDoubt) => {
    const transaction = new Transaction(mailFor('b@y', 'c@y'), CHUNKING, false);
    transaction.start();
    for (const before of replies) transaction.heard(parse(before));
    const { failure } = transaction.broken({ kind: 'closed', reason: 'gone' });
    expect(failure).toEqual({ stage, kind: 'closed', inDoubt });
  });

  test('that breaks once its last octets are handed over is in doubt, and 354 to it breaks it', () => {
    const { transaction } = play(mailFor('b@y'), CHUNKING, ['250 a', '250 b']);
    expect(transaction?.broken({ kind: 'closed', reason: 'gone' }).failure).toMatchObject({
      stage: 'dot',
      inDoubt: true,
    });
    const played = play(mailFor('b@y'), CHUNKING, ['250 a', '250 b', '354 go']);
    expect(played).toMatchObject({ aftermath: 'unusable', result: { failure: { stage: 'dot', inDoubt: true } } });
  });
});

describe('a transaction after one that was left open', () => {
  test('says RSET in the same write when the peer pipelines', () => {
    const played = play(mailFor('b@y'), PIPELINING, ['250 flushed', '250 a', '250 b', '354 go', '250 ok'], true);
    expect(played.writes).toEqual(['RSET|MAIL FROM:<a@x>|RCPT TO:<b@y>|DATA', '+']);
    expect(played.aftermath).toBe('clean');
  });

  test('says RSET first when it does not', () => {
    const played = play(mailFor('b@y'), noCapabilities, ['250 flushed', '250 a', '250 b', '354 go', '250 ok'], true);
    expect(played.writes).toEqual(['RSET', 'MAIL FROM:<a@x>', 'RCPT TO:<b@y>', 'DATA', '+']);
  });

  test('gives the session up when RSET is refused', () => {
    const played = play(mailFor('b@y'), PIPELINING, ['500 what?'], true);
    expect(played).toMatchObject({ aftermath: 'unusable', result: { failure: { stage: 'rset', kind: 'protocol' } } });
  });

  test('leaves it open when the mail is not sent at all', () => {
    const eightBit: Mail = { ...mailFor('b@y'), body: '8BITMIME' };
    expect(play(eightBit, PIPELINING, [], true)).toMatchObject({ writes: [], aftermath: 'open' });
    expect(play(eightBit, PIPELINING, [])).toMatchObject({ writes: [], aftermath: 'clean' });
    expect(verdicts(play(eightBit, PIPELINING, []).result)).toEqual([expect.stringContaining('own mail 554 5.6.3')]);
  });
});

describe('C06: a reply out of place', () => {
  test.each<[string, string[], object]>([
    ['250 for DATA', ['250 a', '250 b', '250 c', '250 ok'], { stage: 'data', inDoubt: false }],
    ['354 for MAIL', ['354 go'], { stage: 'mail', inDoubt: false }],
    ['334 for a recipient', ['250 a', '334 go'], { stage: 'rcpt', inDoubt: false }],
    ['355 for DATA', ['250 a', '250 b', '250 c', '355 go'], { stage: 'data', inDoubt: false }],
    ['354 for the message', ['250 a', '250 b', '250 c', '354 go', '354 go'], { stage: 'dot', inDoubt: true }],
    ['354 twice for nobody', ['250 a', '550 b', '550 c', '354 go', '354 go'], { stage: 'dot', inDoubt: false }],
  ])('%s ends the session', (_, replies, failure) => {
    const played = play(mailFor('b@y', 'c@y'), PIPELINING, replies);
    expect(played).toMatchObject({ aftermath: 'unusable', result: { failure: { kind: 'protocol', ...failure } } });
  });

  test.each([
    ['452 4.3.1 full', 'content 452 4.3.1 full', undefined],
    ['250 ok', 'own content 451 4.5.0', { stage: 'content', kind: 'protocol', inDoubt: false }],
  ])('%s while the message is on its way ends the session', (line, verdict, failure) => {
    const transaction = new Transaction(mailFor('b@y'), PIPELINING, false);
    transaction.start();
    for (const before of ['250 a', '250 b', '354 go']) transaction.heard(parse(before));
    const step = transaction.heard(parse(line));
    expect(step).toMatchObject({ kind: 'done', aftermath: 'unusable' });
    const result = step.kind === 'done' ? step.result : undefined;
    expect(result?.failure).toEqual(failure);
    expect(verdicts(result)).toEqual([expect.stringContaining(verdict)]);
  });
});

describe('a conversation that breaks', () => {
  test.each([
    [[], 'mail', false],
    [['250 a'], 'rcpt', false],
    [['250 a', '250 b', '550 c'], 'data', false],
    [['250 a', '250 b', '550 c', '354 go'], 'dot', true],
    [['250 a', '550 b', '550 c', '354 go'], 'dot', false],
  ])('after %j it fails at %s, in doubt: %s', (replies, stage, inDoubt) => {
    const { transaction } = play(mailFor('b@y', 'c@y'), PIPELINING, replies);
    const result = transaction?.broken({ kind: 'closed', reason: 'gone' });
    expect(result?.failure).toEqual({ stage, kind: 'closed', inDoubt });
    for (const verdict of result?.verdicts ?? []) expect(verdict.own).toBe(verdict.reply.code === 451);
  });

  test('keeps what the peer said before', () => {
    const { transaction } = play(mailFor('b@y', 'c@y'), PIPELINING, ['250 a', '250 b', '550 5.1.1 no', '354 go']);
    const result = transaction?.broken({ kind: 'timeout', reason: 'late' });
    expect(verdicts(result)).toEqual(['own dot 451 4.4.2 late', 'rcpt 550 5.1.1 no']);
  });

  test('is not in doubt before the dot is handed over', () => {
    const transaction = new Transaction(mailFor('b@y'), PIPELINING, false);
    transaction.start();
    for (const before of ['250 a', '250 b', '354 go']) transaction.heard(parse(before));
    expect(transaction.broken({ kind: 'io', reason: 'reset' }).failure).toEqual({
      stage: 'content',
      kind: 'io',
      inDoubt: false,
    });
  });
});

test('whatever the peer says, each recipient gets one verdict, and none is delivered without a 2xx to the dot', () => {
  const code = fc.constantFrom(200, 220, 250, 251, 334, 354, 421, 450, 452, 500, 503, 550, 554);
  const codes = fc.array(code.map((it) => `${it} text`), { maxLength: 12 }); // prettier-ignore
  const recipients = fc
    .integer({ min: 1, max: 4 })
    .map((count) => Array.from({ length: count }, (_, at) => `r${at}@y`));
  fc.assert(
    fc.property(
      codes,
      recipients,
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      (replies, to, pipelining, chunking, isOpen) => {
        const played = play(mailFor(...to), { ...noCapabilities, pipelining, chunking }, replies, isOpen);
        const result = played.result ?? played.transaction?.broken({ kind: 'closed', reason: 'gone' });
        expect(result?.verdicts.filter(Boolean)).toHaveLength(to.length);
        const positive = result?.verdicts.filter((it) => it.reply.code < 300) ?? [];
        expect(positive.every((it) => it.stage === 'dot' && played.writes.includes('+'))).toBe(true);
        expect(!result?.failure?.inDoubt || played.writes.includes('+')).toBe(true);
      },
    ),
  );
});
