import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replyLine } from './reply.ts';
import { keysOf, readSubject, subjectKey, suppressedReply } from './suppression.ts';

const keyOf = (text: string): string => {
  const reading = readSubject(text);
  return reading.kind === 'subject' ? subjectKey(reading.subject) : reading.kind;
};

describe('B10 an address is suppressed however it is written', () => {
  test.each([
    ['case', 'ann@example.com', 'Ann@EXAMPLE.com'],
    ['a quoted local part', 'ann.b@example.com', '"ann.b"@example.com'],
    ['escapes in quotes', 'ann@example.com', String.raw`"a\nn"@example.com`],
    ['case in quotes', '"a b"@example.com', '"A B"@example.com'],
    ['a domain in letters of its own', 'ann@xn--bcher-kva.example', 'ann@bücher.example'],
    ['the same in upper case', 'ann@xn--bcher-kva.example', 'ann@BÜCHER.example'],
    ['local parts beyond ASCII', 'grüße@example.com', 'GRÜSSE@example.com'],
    ['a final sigma', 'οδος@example.com', 'ΟΔΟΣ@example.com'],
    ['dots at Gmail', 'annbee@gmail.com', 'Ann.B.ee@gmail.com'],
    ['a tag at Gmail', 'ann@gmail.com', 'a.n.n+news+more@googlemail.com'],
  ])('%s', (_, one, other) => {
    expect(keyOf(other)).toBe(keyOf(one));
  });

  test.each([
    ['tags elsewhere, which are the host’s business', 'ann@example.com', 'ann+news@example.com'],
    ['dots elsewhere', 'annbee@example.com', 'ann.bee@example.com'],
    ['hosts below', 'ann@example.com', 'ann@mail.example.com'],
    ['Gmail’s name in front', 'ann@gmail.com', 'a.nn@gmail.com.example'],
    ['a quoted dot that is no dot-atom at Gmail', 'ab@gmail.com', '"a..b"@gmail.com'],
    ['no name at all before a tag', '+a@gmail.com', '+b@gmail.com'],
    ['an address and its domain', 'example.com', 'ann@example.com'],
  ])('but apart stay %s', (_, one, other) => {
    expect(keyOf(one)).not.toBe('problem');
    expect(keyOf(other)).not.toBe(keyOf(one));
  });

  test('and its key is its own key, in any case', () => {
    const letters = fc.constantFrom('a', 'A', 'bB', '.', '+', 'ß', '\u0130', 'ı', 'Σ', 'ς', 'σ', 'é', 'É', '-1');
    const locals = fc.array(letters, { minLength: 1, maxLength: 12 }).map((it) => it.join(''));
    const domains = fc.constantFrom('example.com', 'gmail.com', 'bücher.example');
    fc.assert(
      fc.property(locals, domains, (local, domain) => {
        const key = keyOf(`${local}@${domain}`);
        fc.pre(key !== 'problem');
        expect(subjectKey(key)).toBe(key);
        const upper = keyOf(`${local.toUpperCase()}@${domain}`);
        expect(['problem', key]).toContain(upper);
      }),
    );
  });
});

test.each([
  'ann@exa\uff0emple.com',
  'ann\uff20example.com',
  'ann@',
  '@example.com',
  'example',
  '',
  'a b',
  'ann@[192.0.2.1]',
])('B08 what is no address and no domain in its one form is refused: %j', (text) => {
  expect(readSubject(text)).toMatchObject({ kind: 'problem', problem: expect.stringMatching(/^[A-Z].*\.$/) });
});

test('B08 a domain has one form, and suppresses its addresses', () => {
  expect(keyOf('BÜCHER.example')).toBe('xn--bcher-kva.example');
  expect(keysOf('Ann@xn--bcher-kva.example')).toEqual(['ann@xn--bcher-kva.example', 'xn--bcher-kva.example']);
});

test('the reply says what is suppressed, why and since when', () => {
  const entry = { subject: 'a@b.test', reason: 'complaint', source: 'api', createdAt: Date.UTC(2026, 0, 2) } as const;
  expect(replyLine(suppressedReply(entry))).toBe('550 5.7.1 <a@b.test> is suppressed (complaint, since 2026-01-02)');
});
