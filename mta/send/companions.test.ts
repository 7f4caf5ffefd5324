import { expect, test } from 'vitest';
import { aMessage } from '../../test/harness/queue.ts';
import type { Lease } from '../queue/queue.ts';
import { reply } from '../mail/reply.ts';
import { companions, wasTooMany } from './companions.ts';
import type { TransactionResult, Verdict } from './transaction.ts';

const MESSAGE = aMessage({ recipients: ['a@dest.test', 'b@dest.test', 'c@dest.test'] });
const OTHER = aMessage();
const lease = (index: number, message = MESSAGE): Lease => ({
  id: index,
  lane: 'default default/main dest.test',
  message,
  index,
  recipient: message.recipients[index] ?? '',
  attempts: 0,
});

const shared = (): string => 'a@example.com';
const ownEach = ({ index }: Lease): string => `return-${index}@example.com`;

test.each([
  {
    what: 'all that follow of the same message',
    following: [lease(1), lease(2)],
    most: 100,
    senderOf: shared,
    want: 2,
  },
  { what: 'none of another message', following: [lease(0, OTHER), lease(1)], most: 100, senderOf: shared, want: 0 },
  { what: 'no more than the receiver takes', following: [lease(1), lease(2)], most: 2, senderOf: shared, want: 1 },
  { what: 'none when it takes one at a time', following: [lease(1)], most: 1, senderOf: shared, want: 0 },
  { what: 'none with a return path of its own', following: [lease(1)], most: 100, senderOf: ownEach, want: 0 },
])('with the first go $what', ({ following, most, senderOf, want }) => {
  expect(companions(lease(0), following, most, senderOf)).toBe(want);
});

const taken: Verdict = { reply: reply(250, '2.0.0', 'ok'), stage: 'dot', own: false };
const refused = (code: number, enhanced: string): Verdict => ({
  reply: reply(code, enhanced, 'no'),
  stage: 'rcpt',
  own: false,
});
const result = (...verdicts: readonly Verdict[]): TransactionResult => ({ verdicts });

test.each<[string, TransactionResult, boolean]>([
  ['452 after one was taken', result(taken, refused(452, '4.5.3')), true],
  ['552 after one was taken', result(taken, refused(552, '5.5.3')), true],
  ['451 4.5.3 after one was taken', result(taken, refused(451, '4.5.3')), true],
  ['452 when nobody was taken', result(refused(452, '4.5.3'), refused(452, '4.5.3')), false],
  ['550 after one was taken', result(taken, refused(550, '5.1.1')), false],
  ['452 at the dot', result(taken, { reply: reply(452, '4.3.1', 'full'), stage: 'dot', own: false }), false],
])('too many are told from failed: %s', (_, given, want) => {
  expect(wasTooMany(given, 1)).toBe(want);
});
