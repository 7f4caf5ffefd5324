import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyText } from '../../../test/harness/any-text.ts';
import { readBlocks } from './fields.ts';
import { bestStatus, readTypedAddress, replyOf, statusIn } from './words.ts';

describe('an address in a report', () => {
  test.each<[string, string | undefined]>([
    ['rfc822; a@B.example', 'a@b.example'],
    ['RFC822;<a@b.example>', 'a@b.example'],
    ['rfc822; "A. B." <a@b.example>', 'a@b.example'],
    ['a@b.example', 'a@b.example'],
    ['rfc822; a@b.example (comment)', 'a@b.example'],
    [String.raw`utf-8; j\x{F6}rg@b.example`, 'jörg@b.example'],
    ['x400; /S=a/O=b/', undefined],
    ['unknown', undefined],
    ['rfc822; a@b.example\r\nBcc: c@d.example', undefined],
    ['', undefined],
  ])('%j is %s', (text, address) => {
    expect(readTypedAddress(text)).toBe(address);
  });
});

describe('of a status and what was said', () => {
  test.each<[string, string, string]>([
    ['5.1.1', '550 5.7.1 no', '5.1.1'],
    ['5.0.0', '550 5.1.1 no', '5.1.1'],
    ['5.0.0', '450 4.2.1 no', '5.0.0'],
    ['5.0.0', '550 no', '5.0.0'],
    ['', '550 5.1.1 no', '5.1.1'],
    ['', '552 full', '5.0.0'],
    ['', 'no idea', ''],
    ['5.1.1 (bad mailbox)', '', '5.1.1'],
    ['failed', '', ''],
  ])('%j and %j the better is %j', (given, said, best) => {
    expect(bestStatus(given, said)).toBe(best);
  });

  test.each(['host 10.5.1.1 said', '192.168.5.1.1', 'version 5.1.1.2', '15.1.1'])('%j has none', (text) => {
    expect(statusIn(text)).toBe('');
  });
});

test.each<[string, string, string]>([
  ['5.1.1', '550 5.1.1 no such user', '550 5.1.1 no such user'],
  ['5.1.1', '', '550 5.1.1 '],
  ['4.4.1', 'connection timed out', '450 4.4.1 connection timed out'],
  ['5.1.1', '450 try later', '550 5.1.1 450 try later'],
  ['', 'lost', '550  lost'],
])('%j and %j make the reply %j', (status, said, line) => {
  const { code, enhanced, text } = replyOf(status, said);
  expect(`${code} ${enhanced} ${text}`).toBe(line);
});

test('blocks of fields are read however they are written, and of anything', () => {
  const [first, second, ...rest] = readBlocks(
    '\n\nA: 1\r\n B:\tx\r\nb : 2\n\ta: 3\rA: 4\r\n\r\n \r\nC:\n\n:no\nnone\n',
  );
  expect([...(first ?? [])]).toEqual([
    ['a', '1 B:\tx'],
    ['b', '2 a: 3'],
  ]);
  expect([[...(second ?? [])], rest]).toEqual([[['c', '']], []]);
  fc.assert(
    fc.property(anyText(), (text) => {
      expect(readBlocks(text).length).toBeLessThanOrEqual(200);
    }),
  );
});
