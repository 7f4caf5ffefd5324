/**
 * A corpus of addresses that parsers have read in different ways: parts that meet one another, mutations of the result,
 * and a list by hand. The same at every run.
 */

const LOCALS = [
  'joe',
  'Joe.Bloggs',
  'joe+tag',
  'joe-bloggs_x',
  '-joe',
  "o'neil",
  "!#$%&'*+-/=?^_`{|}~",
  'a%b',
  'b!a',
  'bounce-1-joe=example.org',
  '1',
  'a.b.c.d',
  '__proto__',
  '"joe"',
  '"joe.bloggs"',
  '"joe bloggs"',
  '"joe..bloggs"',
  '".joe"',
  '"joe."',
  '" "',
  '" joe"',
  '"joe "',
  '"a,b"',
  '"(a)"',
  '"<a>"',
  '"a;b:c"',
  '"[a]"',
  String.raw`"a\"b"`,
  String.raw`"a\\b"`,
  String.raw`"j\oe"`,
  '"a@b"',
  '"a%b"',
  '"b!a"',
  '""',
  '.joe',
  'joe.',
  'joe..bloggs',
  'joe bloggs',
  'joe(comment)',
  '(comment)joe',
  'joe@other.example',
  'joe@other.example,bob',
  '<joe@other.example>',
  'joe:bob',
  'joe;bob',
  String.raw`joe\bob`,
  'joe"x"',
  '"joe"x',
  '"joe".x',
  'joe."x"',
  'joe[x]',
  '=?utf-8?q?joe=40evil.example=3e?=',
  '@a.example:joe',
  '@a.example,@b.example:joe',
  'Joe <joe',
  'jörg',
  'joe\t',
  '',
  'postmaster',
  'a'.repeat(64),
];

const DOMAINS = [
  'example.com',
  'EXAMPLE.com',
  'a-b.example',
  'r3---sn.example',
  '1.2.3.example',
  '0x7f.example',
  'xn--mnchen-3ya.example',
  'XN--MNCHEN-3YA.example',
  'a.b.c.d.e.example',
  `${'l'.repeat(63)}.example`,
  'x.co',
  'münchen.example',
  'example.com.',
  '.example.com',
  'example..com',
  '-example.com',
  'example-.com',
  'example_x.com',
  'localhost',
  'com',
  '127.0.0.1',
  '[127.0.0.1]',
  '[IPv6:::1]',
  'example.com(comment)',
  '(comment)example.com',
  'example.com>',
  'example.com, bob@other.example',
  'example.com@other.example',
  'example.com:25',
  'example.com/x',
  'example.com%other.example',
  'example.com!other',
  'example .com',
  'exam\u00ADple.com',
  'example\u3002com',
  'ex\uFF41mple.com',
  '',
];

/** Ambiguous by hand: published ones, and what they have in common. */
const KNOWN = [
  '"xclow3n@gmail.com x"@internal.example',
  '"attacker@evil.example> <victim"@example.com',
  'attacker@evil.example(@example.com)',
  'attacker(@example.com)@evil.example',
  '(attacker@evil.example)joe@example.com',
  'joe@example.com (attacker@evil.example)',
  'joe(a(b(c)))@example.com',
  'joe@example.com<attacker@evil.example>',
  '<joe@example.com>attacker@evil.example',
  'joe@example.com attacker@evil.example',
  'joe@example.com;attacker@evil.example',
  'joe@example.com\0attacker@evil.example',
  'joe@example.com\r\nRCPT TO:<attacker@evil.example>',
  'joe@example.com\n',
  ' joe@example.com',
  'joe@example.com ',
  'joe\u00A0@example.com',
  'joe＠example.com',
  'joe@example.com＠evil.example',
  'Group: joe@example.com;',
  'joe@[example.com]',
  'joe@example.com@',
  '@joe@example.com',
  'joe@@example.com',
  'mailto:joe@example.com',
  'joe%evil.example@example.com',
  'evil.example!joe@example.com',
  'joe%evil.example%other.example@example.com',
  '"joe%evil.example"@example.com',
  '"evil.example!joe"@example.com',
  String.raw`"joe\@evil.example"@example.com`,
  String.raw`joe\@evil.example@example.com`,
  `=?x?q?joe=40evil.example=20?=@example.com`,
  'joe+spam@example.com',
  'joe=evil.example@example.com',
  'joe{evil}@example.com',
  "joe'--@example.com",
  'joe`id`@example.com',
  '$(id)@example.com',
  '|id@example.com',
  '/dev/null@example.com',
  ':include:/etc/passwd@example.com',
  '"|id"@example.com',
  '"/etc/passwd"@example.com',
];

/** What a mutation puts in. */
const AWKWARD = Array.from('@.,;:<>()[]"\\%! \t+-=?/*\0\r\n\u007fü＠');

/** A small generator of whole numbers: the same at every run (Numerical Recipes' constants). */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state >>> 8;
  }
}

/** `text` with a character put in, taken out, doubled or replaced. */
function mutated(text: string, at: number, how: number): string {
  const place = text.length === 0 ? 0 : at % text.length;
  const awkward = AWKWARD[how % AWKWARD.length] ?? '';
  const before = text.slice(0, place);
  const rest = [text.slice(place), text.slice(place + 1), text.slice(place), text.slice(place + 1)][how % 4] ?? '';
  return before + (how % 4 === 1 ? '' : how % 4 === 2 ? (text[place] ?? '') : awkward) + rest;
}

/** Every address of the corpus, once. */
export function addresses(): readonly string[] {
  const met = LOCALS.flatMap((local) => DOMAINS.map((domain) => `${local}@${domain}`));
  const chance = numbers(1);
  const changed = [...met, ...KNOWN].map((text) => mutated(text, chance.next().value, chance.next().value));
  return [...new Set([...KNOWN, ...met, ...changed])];
}
