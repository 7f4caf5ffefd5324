import fc from 'fast-check';
import { expect, test } from 'vitest';
import { enhancedOf, formatReply, isPermanent, isPositive, isTransient, reply, replyLine } from './reply.ts';

test.each([
  [550, '5.1.1 no such user', '5.1.1'],
  [550, '5.1.1', '5.1.1'],
  [550, '5.1.1000 x', ''],
  [550, '4.1.1 class and code differ', ''],
  [250, '2.0.0 ok', '2.0.0'],
  [354, '3.0.0 there is no class 3', ''],
  [550, 'no such user 5.1.1', ''],
  [550, '5.1.1x', ''],
  [550, '', ''],
])('%i %j has enhanced status %j', (code, text, want) => {
  expect(enhancedOf(code, text)).toBe(want);
});

test('every line of a reply has code and enhanced status, the last one a space', () => {
  expect(formatReply(reply(550, '5.7.1', 'no\nreally'))).toBe('550-5.7.1 no\r\n550 5.7.1 really\r\n');
  expect(formatReply(reply(250, '', 'mx.example.com'))).toBe('250 mx.example.com\r\n');
});

test('for people a reply is one line', () => {
  expect(replyLine(reply(550, '5.7.1', 'no\nreally'))).toBe('550 5.7.1 no really');
  expect(replyLine(reply(220, '', 'hello'))).toBe('220 hello');
});

test('a reply is of one class at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 999 }), (code) => {
      const it = reply(code, '', '');
      expect([isPositive(it), isTransient(it), isPermanent(it)].filter(Boolean).length).toBeLessThanOrEqual(1);
    }),
  );
});
