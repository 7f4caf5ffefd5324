import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSpf, parseSpf } from './spf-record.ts';

const terms = (text: string): unknown => {
  const parsed = parseSpf(text);
  if (parsed.kind === 'invalid') return parsed.problem;
  const { mechanisms, redirect } = parsed.record;
  return [
    ...mechanisms.map((it) => `${it.qualifier}${it.name} ${it.value}`.trim()),
    ...(redirect === undefined ? [] : [redirect]),
  ];
};

test.each([
  ['v=spf1', []],
  ['V=SPF1 -ALL', ['-all']],
  ['v=spf1 include:_spf.Example.net ~all', ['+include _spf.example.net', '~all']],
  ['v=spf1  a mx:example.net/24//64 ?ptr  ', ['+a', '+mx example.net', '?ptr']],
  ['v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32', ['+ip4 192.0.2.0/24', '+ip6 2001:db8::/32']],
  ['v=spf1 exists:%{i}.example.net redirect=_spf.example.net', ['+exists %{i}.example.net', '_spf.example.net']],
  ['v=spf1 exp=why.example.net moo=1 -all', ['-all']],
  ['v=spf10 -all', 'does not begin with v=spf1 and a space'],
  ['v=spf1 ipv4:192.0.2.1', 'has the term ipv4:192.0.2.1, which SPF does not know'],
  ['v=spf1 include: -all', 'has the term include:, which SPF does not know'],
  ['v=spf1 include:a.test/24', 'has the term include:a.test/24, which SPF does not know'],
  ['v=spf1 all:x', 'has the term all:x, which SPF does not know'],
  ['v=spf1, -all', 'does not begin with v=spf1 and a space'],
  ['v=spf1 redirect=a.test redirect=b.test', 'has a redirect= that is empty or there twice'],
])('%j is read', (text, want) => {
  expect(terms(text)).toEqual(want);
});

test('whatever a zone says, reading it does not throw', () => {
  const like = fc.string({
    unit: fc.constantFrom('v=spf1 ', 'a', ':', '/', '1', ' ', '-', 'include', 'ip4', '=', '%', '.'),
  });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        like,
        like.map((it) => `v=spf1 ${it}`),
      ),
      (text) => {
        expect(parseSpf(text).kind === 'valid' && !isSpf(text)).toBe(false);
      },
    ),
  );
});

test('a record with more terms than anybody needs is refused', () => {
  expect(parseSpf(`v=spf1${' a'.repeat(1001)}`)).toMatchObject({ kind: 'invalid' });
});
