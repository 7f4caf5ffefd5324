import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withLineEnds } from './line-ends.ts';

const made = (text: string): string => withLineEnds(Buffer.from(text, 'latin1')).toString('latin1');

test.each([
  ['', ''],
  ['a\r\nb\r\n', 'a\r\nb\r\n'],
  ['a\nb\n', 'a\r\nb\r\n'],
  ['a\rb', 'a\r\nb'],
  ['a\r\r\nb', 'a\r\n\r\nb'],
  ['a\n\rb\r', 'a\r\n\r\nb\r\n'],
])('%j becomes %j', (text, want) => expect(made(text)).toBe(want));

test('lines stay the same, and every end of one is CRLF', () => {
  const parts = fc.array(fc.constantFrom('\r', '\n', '\r\n', 'a', '.', '\0', '\xff'), { maxLength: 30 });
  fc.assert(
    fc.property(parts, (all) => {
      const text = all.join('');
      expect(made(text)).toBe(text.split(/\r\n|\r|\n/).join('\r\n'));
      expect(made(made(text))).toBe(made(text));
    }),
  );
});

test('what is right is not copied', () => {
  const raw = Buffer.from('a\r\n');
  expect(withLineEnds(raw)).toBe(raw);
});
