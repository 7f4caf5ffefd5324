import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readJson } from './json.ts';

const MOST = 1000;
const read = (text: string | Buffer) => readJson(Buffer.from(text), MOST);

test('reads what JSON.parse reads, with any text in it', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), (text) => {
      fc.pre(!text.includes('__proto__'));
      expect(read(text)).toEqual({ kind: 'json', value: JSON.parse(text) });
    }),
  );
});

test.each([
  ['the same field in several objects', '[{"a":1},{"a":{"a":2}},{"b":"a"}]'],
  ['texts that look like structure', String.raw`{"a":"{\"a\":1,","b":["a","a","}\\"],"c":"\\"}`],
  ['a value like a field', '{"a":"b","b":"a"}'],
])('%s is fine', (_, text) => {
  expect(read(text)).toEqual({ kind: 'json', value: JSON.parse(text) });
});

describe('refuses what is read in two ways', () => {
  test.each([
    ['nothing', ''],
    ['half of it', '{"a":'],
    ['a text without an end', '{"a":"'],
    ['more after it', '{} {}'],
    ['a comment', '{} // x'],
    ['a byte order mark within', '{\ufeff}'],
    ['B09 bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['B09 a number without a value', '{"a":1e400}'],
    ['B09 a number of as many digits', `{"a":${'9'.repeat(400)}}`],
    ['B09 a number with a fraction and an exponent', '[-1.5E+0400]'],
    ['B09 a field twice', '{"a":1,"b":2,"a":1}'],
    ['B09 a field twice, once escaped', String.raw`{"a":1,"\u0061":1}`],
    ['a field twice, far within', '[[{"x":{"a":1 , "a" : 1}}]]'],
    ['B09 __proto__', '{"__proto__":{}}'],
    ['B09 __proto__, escaped', String.raw`{"\u005f_proto__":{}}`],
    ['more values than allowed', `[${'0,'.repeat(MOST)}0]`],
    ['a bracket too many', '}'],
  ])('%s', (_, text) => {
    expect(read(text).kind).toBe('unreadable');
  });
});

test.each([
  ['brackets', '['.repeat(1_000_000)],
  ['braces', '{"a":'.repeat(1_000_000)],
  ['quotes', '"'.repeat(1_000_000)],
  ['backslashes', `"${'\\'.repeat(1_000_000)}`],
])('B09 a million %s are refused without fuss', (_, text) => {
  expect(readJson(Buffer.from(text), 10_000_000).kind).toBe('unreadable');
});

test('never throws', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', 'a', '1', ' ') }),
      (text) => {
        expect(['json', 'unreadable']).toContain(read(text).kind);
      },
    ),
  );
});
