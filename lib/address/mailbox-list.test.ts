import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyText } from '../../test/harness/any-text.ts';
import { type MailboxListOptions, parseMailboxList } from './mailbox-list.ts';
import { runs } from '../../test/harness/runs.ts';

/** The addresses, or why there are none. */
function read(value: string, options: MailboxListOptions = {}): readonly string[] | string {
  const reading = parseMailboxList(value, options);
  return reading.kind === 'problem' ? reading.problem : reading.addresses.map((address) => address.text);
}

const ACCEPTED: readonly (readonly [value: string, addresses: readonly string[]])[] = [
  ['joe@example.com', ['joe@example.com']],
  [' joe@Example.com ', ['joe@example.com']],
  ['<joe@example.com>', ['joe@example.com']],
  ['Joe <joe@example.com>', ['joe@example.com']],
  ['Joe<joe@example.com>', ['joe@example.com']],
  ['Joe Q. Public <joe@example.com>', ['joe@example.com']],
  ['"Public, Joe" <joe@example.com>', ['joe@example.com']],
  ['"a\\"b" <joe@example.com>', ['joe@example.com']],
  ['"joe@example.com" <joe@example.com>', ['joe@example.com']],
  ['=?utf-8?q?J=C3=B6rg?= <joerg@example.com>', ['joerg@example.com']],
  ['=?utf-8?q?x=40evil.example?= <joe@example.com>', ['joe@example.com']],
  ['Jörg <joerg@example.com>', ['joerg@example.com']],
  ['J\u00C3\u0085 <joerg@example.com>', ['joerg@example.com']],
  ['joe@example.com (Joe)', ['joe@example.com']],
  ['(the (one and only)) Joe <joe@example.com> (really)', ['joe@example.com']],
  ['a@x.example, b@y.example', ['a@x.example', 'b@y.example']],
  ['A <a@x.example>,\r\n\tB <b@y.example>', ['a@x.example', 'b@y.example']],
  ['A\r\n <a@x.example>', ['a@x.example']],
  ['"A\r\n B" <a@x.example>', ['a@x.example']],
  ['(a\r\n b) <a@x.example>', ['a@x.example']],
  ['"joe bloggs"@example.com', ['"joe bloggs"@example.com']],
  ['<"joe"@example.com>', ['joe@example.com']],
];

const REFUSED: readonly (readonly [value: string, because: RegExp])[] = [
  ['', /no address/],
  [' ', /no address/],
  ['(joe)', /no address/],
  ['Joe', /no '@'/],
  ['<>', /no address/],
  ['Joe <>', /no address/],
  ['a@x.example,', /no address/],
  [',a@x.example', /no address/],
  ['a@x.example,,b@y.example', /no address/],
  ['a@x.example b@y.example', /within an address/],
  ['a @x.example', /within an address/],
  ['a@(c)x.example', /within an address/],
  ['a@x.\r\n example', /within an address/],
  ['< a@x.example>', /within an address/],
  ['<a@x.example (c)>', /within an address/],
  ['a@x.example <b@y.example>', /unquoted '@'/],
  ['a@x.example:b@y.example;', /group or a stray colon/],
  ['[1.2.3.4] <b@y.example>', /unquoted '@' or bracket/],
  ['"<a@x.example>" <b@y.example>', /angle brackets in it/],
  ['<a@x.example> <b@y.example>', /stray delimiter|text after/],
  ['<a@x.example> b', /text after/],
  ['<a@x.example', /not closed/],
  ['a@x.example>', /stray delimiter/],
  ['a@x.example;', /stray delimiter/],
  ['<<a@x.example>>', /no address|not closed/],
  ['<@a.example,@b.example:u@c.example>', /domain|source route|before the '@'/],
  ['<@a.example:u@c.example>', /before the '@'/],
  ['"a@b.example"@c.example', /read as a route/],
  ['a@b.example@c.example', /more than one '@'/],
  ['a@[127.0.0.1]', /literal/],
  ['a@[127.0.0.1', /literal that is not closed/],
  ['"a@x.example', /quoted string/],
  ['"a\\', /quoted string/],
  ['"a\0" <a@x.example>', /quoted string/],
  ['"a\\\0" <a@x.example>', /quoted string/],
  ['"a\r\nb" <a@x.example>', /quoted string/],
  ['"a\\\r\n b" <a@x.example>', /quoted string/],
  ['(a <a@x.example>', /comment/],
  ['(b@y.example) <a@x.example>', /comment/],
  ['(") <b@y.example> (") <a@x.example>', /comment/],
  [String.raw`(\) <b@y.example> ( ) <a@x.example>`, /comment/],
  ['(a\0) <a@x.example>', /comment/],
  [`${'('.repeat(9)}${')'.repeat(9)} <a@x.example>`, /too deep/],
  [') <a@x.example>', /may not stand/],
  [String.raw`Jo\e <a@x.example>`, /may not stand/],
  ['a\0b <a@x.example>', /may not stand/],
  ['a@x.example\r\nBcc: b@y.example', /line end/],
  ['a@x.example\r\n', /line end/],
  ['a@x.example,\nb@y.example', /line end/],
  ['=?utf-8?q?a=40evil.example?=@x.example', /encoded-word/],
  ['Team: a@x.example;', /group/],
  ['undisclosed-recipients:;', /group/],
];

const GROUPS: readonly (readonly [value: string, addresses: readonly string[]])[] = [
  ['undisclosed-recipients:;', []],
  ['undisclosed recipients: (none) ;', []],
  ['Team: a@x.example, B <b@y.example>;', ['a@x.example', 'b@y.example']],
  ['"Team": a@x.example; (ours), c@z.example', ['a@x.example', 'c@z.example']],
  ['a@x.example, Team: b@y.example;', ['a@x.example', 'b@y.example']],
];

const REFUSED_GROUPS: readonly (readonly [value: string, because: RegExp])[] = [
  ['Team: a@x.example', /not closed/],
  ['Team: a@x.example,;', /no address/],
  ['Team: Inner: a@x.example;;', /within a group/],
  [': a@x.example;', /without a name/],
  ['a@x.example: b@y.example;', /unquoted '@'/],
  ['Team:; b@y.example', /text after/],
  ['Team:;;', /stray delimiter/],
];

describe('a field of mailboxes', () => {
  test.each(ACCEPTED)('%j gives %j', (value, addresses) => expect(read(value)).toEqual(addresses));
  test.each(REFUSED)('%j is refused', (value, because) => expect(read(value)).toMatch(because));
});

describe('where groups are accepted', () => {
  test.each(GROUPS)('%j gives %j', (value, addresses) => expect(read(value, { groups: true })).toEqual(addresses));
  test.each(REFUSED_GROUPS)('%j is refused', (value, because) =>
    expect(read(value, { groups: true })).toMatch(because),
  );
});

test('options reach the addresses', () => {
  expect(read('Jörg <jörg@münchen.example>', { utf8: true })).toEqual(['jörg@xn--mnchen-3ya.example']);
  expect(read('<joe@[IPv6:::1]>', { literal: true })).toEqual(['joe@[IPv6:::1]']);
});

test('B03 a hundred thousand open comments, quotes and commas are refused without recursion', () => {
  for (const part of ['(', '()', '<', ',', ':', ';', '"', '\\', 'a:', '" ', '\r\n ', '[', '[]'])
    expect(parseMailboxList(part.repeat(100_000), { groups: true }).kind).toBe('problem');
});

test('any text gives addresses or a problem', () => {
  const part = fc.constantFrom(
    ...Array.from('"\\@.<>[]():;, \0'),
    '\r\n',
    '\r\n ',
    'a',
    'ü',
    'a@x.example',
    '<b@y.example>',
  );
  const soup = fc.array(part, { maxLength: 16 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(soup, anyText()), fc.boolean(), (value, groups) => {
      expect(['addresses', 'problem']).toContain(parseMailboxList(value, { groups }).kind);
    }),
    { numRuns: runs(1000) },
  );
});

test('display names, quoting, comments and folding never change which addresses are read', () => {
  const address = fc.stringMatching(/^[a-z]{1,8}@[a-z]{1,8}\.example$/);
  const gap = fc.constantFrom('', ' ', '\r\n ', ' (note)\t', ' (a (b) c) ');
  const name = fc.constantFrom('', 'Joe ', '"Public, Joe" ', 'Joe Q. Public ', '=?utf-8?q?=40?= ', 'Jörg\r\n ');
  const mailbox = fc.record({ address, name, before: gap, after: gap, angle: fc.boolean() }).map((it) => ({
    address: it.address,
    text: it.angle ? `${it.before}${it.name}<${it.address}>${it.after}` : `${it.before}${it.address}${it.after}`,
  }));
  fc.assert(
    fc.property(fc.array(mailbox, { minLength: 1, maxLength: 6 }), (boxes) => {
      expect(read(boxes.map((it) => it.text).join(','))).toEqual(boxes.map((it) => it.address));
    }),
  );
});
