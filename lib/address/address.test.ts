import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyText } from '../../test/harness/any-text.ts';
import { type AddressOptions, isPostmaster, parseAddress } from './address.ts';
import { runs } from '../../test/harness/runs.ts';

/** The canonical text, or `refused: ` and why. */
function read(text: string, options: AddressOptions = {}): string {
  const reading = parseAddress(text, options);
  return reading.kind === 'address' ? reading.address.text : `refused: ${reading.problem}`;
}

const LABEL = 'l'.repeat(63);
const LOCAL = 'a'.repeat(64);

const ACCEPTED: readonly (readonly [text: string, canonical: string])[] = [
  ['joe@example.com', 'joe@example.com'],
  ['Joe.Bloggs@Example.COM', 'Joe.Bloggs@example.com'],
  ['a@b.cd', 'a@b.cd'],
  ['1@2.example', '1@2.example'],
  ['joe+tag@example.com', 'joe+tag@example.com'],
  ['joe-bloggs_x@example.com', 'joe-bloggs_x@example.com'],
  ['-joe@example.com', '-joe@example.com'],
  ["o'neil@example.com", "o'neil@example.com"],
  ["!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"],
  ['bounce-1-joe=example.org@example.com', 'bounce-1-joe=example.org@example.com'],
  ['u%v@example.com', 'u%v@example.com'],
  ['v!u@example.com', 'v!u@example.com'],
  ['__proto__@example.com', '__proto__@example.com'],
  ['a.b.c.d@example.com', 'a.b.c.d@example.com'],
  ['joe@a-b.example', 'joe@a-b.example'],
  ['joe@r3---sn.example', 'joe@r3---sn.example'],
  ['joe@1.2.3.example', 'joe@1.2.3.example'],
  ['joe@0x7f.example', 'joe@0x7f.example'],
  [`${LOCAL}@example.com`, `${LOCAL}@example.com`],
  [`joe@${LABEL}.example`, `joe@${LABEL}.example`],
  ['"joe"@example.com', 'joe@example.com'],
  ['"joe.bloggs"@example.com', 'joe.bloggs@example.com'],
  [String.raw`"j\oe"@example.com`, 'joe@example.com'],
  ['"joe bloggs"@example.com', '"joe bloggs"@example.com'],
  [String.raw`"joe\ bloggs"@example.com`, '"joe bloggs"@example.com'],
  ['"joe..bloggs"@example.com', '"joe..bloggs"@example.com'],
  ['".joe"@example.com', '".joe"@example.com'],
  ['"a,b"@example.com', '"a,b"@example.com'],
  ['"(a)"@example.com', '"(a)"@example.com'],
  [String.raw`"a\"b"@example.com`, String.raw`"a\"b"@example.com`],
  [String.raw`"a\\b"@example.com`, String.raw`"a\\b"@example.com`],
  ['joe@xn--mnchen-3ya.example', 'joe@xn--mnchen-3ya.example'],
  ['joe@XN--MNCHEN-3YA.example', 'joe@xn--mnchen-3ya.example'],
];

const ACCEPTED_UTF8: readonly (readonly [text: string, canonical: string])[] = [
  ['joe@münchen.example', 'joe@xn--mnchen-3ya.example'],
  ['joe@MÜNCHEN.example', 'joe@xn--mnchen-3ya.example'],
  ['joe@faß.example', 'joe@xn--fa-hia.example'],
  ['joe@xn--mnchen-3ya.münchen.example', 'joe@xn--mnchen-3ya.xn--mnchen-3ya.example'],
  ['jörg@example.com', 'jörg@example.com'],
  ['"jörg"@example.com', 'jörg@example.com'],
  ['"jörg x"@example.com', '"jörg x"@example.com'],
  ['用户@例子.example', '用户@xn--fsqu00a.example'],
];

const REFUSED: readonly (readonly [text: string, because: RegExp])[] = [
  ['', /no '@'/],
  ['joe', /no '@'/],
  ['Postmaster', /no '@'/],
  ['@', /before the '@'/],
  ['@example.com', /before the '@'/],
  ['joe@', /domain is missing/],
  ['u@us@evil', /more than one '@'/],
  ['a@b@example.com', /more than one '@'/],
  ['"a@b"@c.example', /read as a route/],
  [String.raw`"a\@b"@c.example`, /read as a route/],
  ['"u%v"@us.example', /read as a route/],
  ['"v!u"@us.example', /read as a route/],
  ['@a,@b:u@c', /source routes/],
  ['@a.example:u@c.example', /source routes/],
  ['""@example.com', /local part is empty/],
  ['" "@example.com', /begins or ends with a space/],
  ['" joe"@example.com', /begins or ends with a space/],
  [String.raw`"joe\ "@example.com`, /begins or ends with a space/],
  ['"joe@example.com', /not closed/],
  [String.raw`"joe\"@example.com`, /not closed/],
  ['"', /not closed/],
  ['"joe"bloggs@example.com', /followed by/],
  ['"joe".bloggs@example.com', /followed by/],
  ['"joe" @example.com', /followed by/],
  ['joe."bloggs"@example.com', /none is allowed/],
  ['.joe@example.com', /none is allowed/],
  ['joe.@example.com', /none is allowed/],
  ['joe..bloggs@example.com', /none is allowed/],
  ['joe bloggs@example.com', /none is allowed/],
  [' joe@example.com', /begins or ends with a space/],
  ['joe @example.com', /begins or ends with a space/],
  ['joe(comment)@example.com', /none is allowed/],
  ['joe,x@example.com', /none is allowed/],
  ['<joe@example.com>', /none is allowed/],
  ['joe:x@example.com', /none is allowed/],
  ['joe;x@example.com', /none is allowed/],
  ['joe[x]@example.com', /none is allowed/],
  [String.raw`jo\e@example.com`, /none is allowed/],
  [String.raw`x.example!u\@example.com`, /domain|none is allowed/],
  ['=?utf-8?q?joe=40evil.example=3e?=@example.com', /encoded-word/],
  ['joe\0@example.com', /control/],
  ['joe\r\nRCPT TO:<x@y.example>@example.com', /control|more than one/],
  ['"joe\r\n"@example.com', /control/],
  ['"joe\t"@example.com', /control/],
  ['"joe\u007F"@example.com', /control/],
  ['joe@example.com\r\n', /character other than/],
  ['joe@example.com\n', /character other than/],
  ['joe@exam\0ple.com', /character other than/],
  ['joe@example.com ', /character other than/],
  ['joe@ example.com', /character other than/],
  ['joe@(x)example.com', /character other than/],
  ['joe@example_x.com', /character other than/],
  ['joe@example.com/x', /character other than/],
  ['joe@example.com:25', /character other than/],
  ['joe@example%2ecom', /character other than/],
  ['joe@example.com.', /ends with a dot/],
  ['joe@.', /ends with a dot/],
  ['joe@.example.com', /empty label/],
  ['joe@example..com', /empty label/],
  ['joe@-example.com', /hyphen/],
  ['joe@example-.com', /hyphen/],
  ['joe@localhost', /single label/],
  ['joe@192.0.2.1', /looks like an IP/],
  ['joe@example.0x7f', /looks like an IP/],
  ['joe@2130706433.0', /looks like an IP/],
  ['u@[127.0.0.1]', /literal is not accepted/],
  ['u@[IPv6:::1]', /literal is not accepted/],
  [`${LOCAL}a@example.com`, /longer than 64/],
  [`"${LOCAL} x"@example.com`, /longer than 64/],
  [`joe@${LABEL}l.example`, /longer than 63/],
  [`joe@${`${LABEL}.`.repeat(4)}example`, /longer than 253/],
  [`${LOCAL}@${`${LABEL}.`.repeat(3)}example`, /longer than 254/],
  ['jörg@example.com', /not ASCII/],
  ['joe@münchen.example', /not ASCII/],
  ['joe\u2028@example.com', /invisible/],
  ['joe\uFF20evil.example@example.com', /not ASCII/],
  ['joe@xn--abc-.example', /hyphen/],
  ['joe@xn--.example', /hyphen/],
  ['joe@xn--zzzzzzzzzz999.example', /internationalized/],
  ['joe@xn--a.example', /internationalized/],
  ['joe@xn----eha.example', /internationalized/],
];

const REFUSED_UTF8: readonly (readonly [text: string, because: RegExp])[] = [
  ['joe\uFF20example.com', /no '@'/],
  ['joe\uFF20evil.example@example.com', /normal form/],
  ['jo\u0308rg@example.com', /normal form/],
  ['joe\u2028@example.com', /invisible/],
  ['joe\u0085@example.com', /control/],
  ['joe\u200B@example.com', /invisible/],
  ['joe\u202Egro@example.com', /invisible/],
  ['"joe\u00A0x"@example.com', /invisible/],
  ['joe\uD800@example.com', /invisible/],
  ['joe@\uFF45xample.com', /internationalized/],
  ['joe@example\u3002com', /internationalized/],
  ['joe@mün\u00ADchen.example', /internationalized/],
  ['joe@\u212Aelvin.example', /internationalized/],
  ['joe@-ü.example', /hyphen/],
  ['joe@ü%2e.example', /character other than/],
  ['joe@ü/x.example', /character other than/],
  ['joe@אa.example', /internationalized/],
  ['joe@\uFF11.0.0.1', /internationalized/],
  [`joe@${'ü'.repeat(62)}.example`, /longer than 63|internationalized/],
  [`${'ü'.repeat(33)}@example.com`, /longer than 64/],
];

describe('an address', () => {
  test.each(ACCEPTED)('%j is accepted as %j', (text, canonical) => expect(read(text)).toBe(canonical));
  test.each(ACCEPTED_UTF8)('%j is accepted as %j where UTF-8 is', (text, canonical) =>
    expect(read(text, { utf8: true })).toBe(canonical),
  );
  test.each(REFUSED)('%j is refused', (text, because) => expect(read(text)).toMatch(because));
  test.each(REFUSED_UTF8)('%j is refused even where UTF-8 is accepted', (text, because) =>
    expect(read(text, { utf8: true })).toMatch(because),
  );
});

test.each([
  ['u@[192.0.2.1]', 'u@[192.0.2.1]'],
  ['u@[IPv6:2001:DB8:0:0::1]', 'u@[IPv6:2001:db8::1]'],
  ['u@[ipv6:::1]', 'u@[IPv6:::1]'],
  ['u@[192.0.2.256]', 'refused: The address literal is not an IPv4 or IPv6 address.'],
  ['u@[192.0.2.1', 'refused: The address literal is not an IPv4 or IPv6 address.'],
  ['u@[2001:db8::1]', 'refused: The address literal is not an IPv4 or IPv6 address.'],
  ['u@[IPv6:fe80::1%eth0]', 'refused: The address literal is not an IPv4 or IPv6 address.'],
  ['u@[x-tag:content]', 'refused: The address literal is not an IPv4 or IPv6 address.'],
  ['u@[]', 'refused: The address literal is not an IPv4 or IPv6 address.'],
])('the literal in %j reads as %j where literals are accepted', (text, expected) =>
  expect(read(text, { literal: true })).toBe(expected),
);

test.each(['a', '"', '@', '.', '\\', 'ü', '[', 'xn--'])('B03 a megabyte of %j is refused for its length', (part) =>
  expect(read(part.repeat(1_000_000), { utf8: true, literal: true })).toMatch(/longer than 254/),
);

test('local and domain joined are the text', () => {
  expect(parseAddress('"Joe X"@Example.COM')).toEqual({
    kind: 'address',
    address: { local: '"Joe X"', domain: 'example.com', text: '"Joe X"@example.com' },
  });
});

test.each([
  ['postmaster', true],
  ['Postmaster', true],
  ['POSTMASTER', true],
  ['postmasters', false],
  ['', false],
])('%j is postmaster: %j', (local, expected) => expect(isPostmaster(local)).toBe(expected));

/** Text made of what addresses are made of, so that a good part of it is accepted. */
const soup = fc
  .array(
    fc.constantFrom(
      ...Array.from('"\\@.%!<>[]():;, \r\n\0'),
      'a',
      'B',
      'ü',
      'xn--',
      'example.com',
      '@example.com',
      '＠',
      '-',
    ),
    {
      maxLength: 12,
    },
  )
  .map((parts) => parts.join(''));
const anything = fc.oneof(soup, anyText(), fc.emailAddress());
const anyOptions = fc.record({ utf8: fc.boolean(), literal: fc.boolean() });

test('any text gives an address or a problem, and the canonical text of an address reads as itself', () => {
  fc.assert(
    fc.property(anything, anyOptions, (text, options) => {
      const reading = parseAddress(text, options);
      if (reading.kind === 'problem') return;
      expect(parseAddress(reading.address.text, options)).toEqual(reading);
      expect(reading.address.text).toBe(`${reading.address.local}@${reading.address.domain}`);
    }),
    { numRuns: runs(2000) },
  );
});

test('an accepted address holds no control character and one @ outside of UTF-8 and literals', () => {
  fc.assert(
    fc.property(anything, (text) => {
      expect(read(text)).toMatch(/^refused: |^[ -?A-~]+@[a-z0-9.-]+$/);
    }),
    { numRuns: runs(2000) },
  );
});

test('every dot-atom at a host name is accepted as it stands', () => {
  const atom = fc.stringMatching(/^[a-zA-Z0-9#$&'*+/=^_`{|}~-]{1,12}$/);
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9]{0,10}[a-z0-9])?$/);
  const local = fc.array(atom, { minLength: 1, maxLength: 4 }).map((atoms) => atoms.join('.'));
  const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => [...labels, 'example'].join('.'));
  fc.assert(
    fc.property(local, domain, (left, right) => {
      fc.pre(!left.includes('=?'));
      expect(read(`${left}@${right}`)).toBe(`${left}@${right}`);
    }),
  );
});

test('any printable content without route characters survives quoting', () => {
  const content = fc.stringMatching(/^["#$&->A-~](?:[ "#$&->A-~]{0,28}["#$&->A-~])?$/);
  fc.assert(
    fc.property(content, (it) => {
      const escaped = `"${it.replaceAll(/./g, String.raw`\$&`)}"@example.com`;
      const plain = `"${it.replaceAll(/["\\]/g, String.raw`\$&`)}"@example.com`;
      expect(read(escaped)).toBe(read(plain));
      expect(read(escaped)).not.toContain('refused');
    }),
  );
});
