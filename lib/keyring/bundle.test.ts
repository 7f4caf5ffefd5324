import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatBundle, parseBundle } from './bundle.ts';

const FILES = new Map([
  ['mail/pf1._domainkey.example.com.pem', 'one'],
  ['20261122.key', 'two'],
]);

test('a bundle has the files that were put in, and a revision that only they decide', () => {
  const text = formatBundle(FILES);
  const parsed = parseBundle(text);
  expect(parsed?.files).toEqual(FILES);
  expect(formatBundle(new Map([...FILES].toReversed()))).toBe(text);
  expect(parseBundle(formatBundle(new Map([...FILES, ['more', '']])))?.revision).not.toBe(parsed?.revision);
});

test.each([
  '',
  'null',
  '[]',
  '{}',
  '{"v":2,"files":{}}',
  '{"v":1,"files":null}',
  '{"v":1,"files":{"a":1}}',
  '{"v":1,"files":{"../a":""}}',
  '{"v":1,"files":{"a/b/c":""}}',
  '{"v":1,"files":{".a":""}}',
  '{"v":1,"files":{"/a":""}}',
])('%s is none', (text) => {
  expect(parseBundle(text)).toBeUndefined();
});

test('whatever a text says, reading it ends', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const parsed = parseBundle(text);
      expect(parsed === undefined || parsed.files instanceof Map).toBe(true);
    }),
  );
});
