import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asChunk, asData, blocks, sizeOf } from './content.ts';

const wire = (...parts: string[]): string =>
  Buffer.concat(asData(parts.map((part) => Buffer.from(part))).parts).toString();

const chunkOf = (...parts: string[]): string => {
  const chunk = asChunk(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([...chunk.parts, chunk.end]).toString();
};

/** What a receiver does (RFC 5321 §4.5.2), line by line; undefined when the message would end early. */
function unstuffed(text: string): string | undefined {
  const lines = text.split('\r\n');
  if (lines.includes('.')) return undefined;
  return lines.map((line) => (line.startsWith('.') ? line.slice(1) : line)).join('\r\n');
}

describe('transparency', () => {
  test.each([
    ['no dot', 'a\r\n', 'a\r\n'],
    ['a dot in a line', 'a.b.\r\n', 'a.b.\r\n'],
    ['a dot as first byte', '.a\r\n', '..a\r\n'],
    ['a line of one dot', 'a\r\n.\r\nb\r\n', 'a\r\n..\r\nb\r\n'],
    ['the first line is one dot', '.\r\n', '..\r\n'],
    ['two dots', 'a\r\n..\r\n', 'a\r\n...\r\n'],
    ['dots on lines in a row', '.\r\n.\r\n.\r\n', '..\r\n..\r\n..\r\n'],
    ['an empty line before', 'a\r\n\r\n.b\r\n', 'a\r\n\r\n..b\r\n'],
  ])('%s', (_, text, expected) => expect(wire(text)).toBe(expected));

  test('counts each part as the start of a line', () => {
    expect(wire('DKIM-Signature: v=1\r\n', '.hidden: 1\r\n')).toBe('DKIM-Signature: v=1\r\n..hidden: 1\r\n');
    expect(asData([Buffer.alloc(0)]).parts).toEqual([]);
  });

  test('copies nothing when there is no dot to double', () => {
    const part = Buffer.from('Subject: a\r\n\r\nb.c\r\n');
    expect(asData([part]).parts[0]).toBe(part);
  });

  test('a part that does not end a line is a bug', () => {
    expect(() => asData([Buffer.from('a')])).toThrow('CRLF');
    expect(() => asChunk([Buffer.from('a')])).toThrow('CRLF');
    expect(() => asData([Buffer.from('a\n')])).toThrow('CRLF');
    expect(() => asChunk([Buffer.from('a\n')])).toThrow('CRLF');
    expect(() => asData([Buffer.from('a\r\n.')])).toThrow('CRLF');
    expect(() => asChunk([Buffer.from('a\r\n.')])).toThrow('CRLF');
  });

  // The sequences of the smuggling scanners, in the canonical form acceptance leaves them in.
  test.each(['\n.\n', '\n.\r', '\r.\n', '\r.\r', '\n.\r\n', '\r.\r\n', '\r\n.\r\r\n', '\r\r\n.\r\r\n', '\r\n\0.\r\n'])(
    'A02: %j inside a body ends nothing',
    (sequence) => {
      const canonical = sequence.replaceAll(/\r\n|\r|\n/g, '\r\n');
      const body = `Subject: a\r\n\r\nfirst${canonical}MAIL FROM:<admin@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n`;
      const sent = wire(body);
      expect(sent).not.toMatch(/(?<!\r)\n|\r(?!\n)/);
      expect(unstuffed(sent)).toBe(body);
    },
  );

  test('a receiver gets back exactly what was meant', () => {
    const body = fc
      .array(fc.constantFrom('.', '..', '\r\n', 'a', '\r\n.', '.\r\n', 'text', '\0'), { maxLength: 60 })
      .map((parts) => `${parts.join('')}\r\n`);
    fc.assert(
      fc.property(body, body, (head, text) => {
        expect(unstuffed(wire(text))).toBe(text);
        expect(unstuffed(wire(head, text))).toBe(head + text);
      }),
    );
  });
});

describe('a chunk', () => {
  test('is counted, and changes nothing', () => {
    expect(chunkOf('DKIM-Signature: v=1\r\n', '', '.\r\n')).toBe('BDAT 24 LAST\r\nDKIM-Signature: v=1\r\n.\r\n');
    expect(() => asChunk([Buffer.alloc(0)])).toThrow('at least one line');
  });

  test('copies nothing', () => {
    const part = Buffer.from('Subject: a\r\n\r\n.b\r\n');
    const { parts, end } = asChunk([part]);
    expect([parts[1]?.buffer, end.buffer]).toEqual([part.buffer, part.buffer]);
  });

  test('and DATA bring the same bytes', () => {
    const line = fc.constantFrom('.', '..', '.a', '', 'text', 'BDAT 5 LAST', '\0', 'QUIT');
    const part = fc.array(line, { maxLength: 30 }).map((lines) => lines.map((it) => `${it}\r\n`).join(''));
    fc.assert(
      fc.property(part, part, part, (first, second, rest) => {
        const parts = [first, second, `${rest}\r\n`];
        const [, size = ''] = /^BDAT (\d+) LAST\r\n/.exec(chunkOf(...parts)) ?? [];
        const received = chunkOf(...parts).slice(`BDAT ${size} LAST\r\n`.length);
        expect(received).toHaveLength(Number(size));
        expect(received).toBe(unstuffed(wire(...parts)));
      }),
    );
  });

  test('without its end is no message', () => {
    const { parts, end } = asChunk([Buffer.from('a\r\n.\r\n')]);
    expect(Buffer.concat([...parts]).toString()).toBe('BDAT 6 LAST\r\na\r\n.');
    expect(end.toString()).toBe('\r\n');
  });
});

describe('blocks', () => {
  test('hold all bytes in order and none is larger than asked', () => {
    const part = fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.array(part), fc.integer({ min: 1, max: 20 }), (parts, size) => {
        const cut = [...blocks(parts, size)];
        expect(Buffer.concat(cut)).toEqual(Buffer.concat(parts));
        expect(cut.every((block) => block.length > 0 && block.length <= size)).toBe(true);
        expect(sizeOf(cut)).toBe(sizeOf(parts));
      }),
    );
  });
});
