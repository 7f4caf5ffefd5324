import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatReply, reply } from '../mail/reply.ts';
import { ReplyReader } from './reply-reader.ts';

/** All that `stream` holds, fed in pieces cut at `cuts`; an unfinished reply is not shown. */
function read(stream: Buffer | string, cuts: readonly number[] = []): unknown[] {
  const bytes = Buffer.from(stream);
  const reader = new ReplyReader();
  const items: unknown[] = [];
  const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
  for (let at = 1; at < edges.length; at += 1) {
    reader.feed(bytes.subarray(edges[at - 1], edges[at]));
    for (let item = reader.take(); item; item = reader.take()) {
      items.push(item);
      if ('problem' in item) return items;
    }
  }
  return items;
}

/** What was fed, as long as somebody holds it. */
function fedWith(reader: ReplyReader, text: string): WeakRef<Buffer> {
  const chunk = Buffer.from(text);
  reader.feed(chunk);
  while (reader.take());
  return new WeakRef(chunk);
}

test.each([
  ['all of it', '220 mx\r\n', true],
  ['what is not yet a reply', '220 mx\r\n250', false],
])(
  'a reader holds what it was fed for as long as some of it is to be taken, and no longer; fed %s',
  async (_, text, isGone) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const reader = new ReplyReader();
    const chunk = fedWith(reader, text);
    await new Promise(setImmediate);
    collect();
    expect([chunk.deref() === undefined, reader.isEmpty]).toEqual([isGone, isGone]);
  },
);

describe('reading replies', () => {
  test.each([
    ['one line', '250 ok\r\n', [reply(250, '', 'ok')]],
    ['an enhanced status', '550 5.1.1 no such user\r\n', [reply(550, '5.1.1', 'no such user')]],
    ['several lines', '250-mx\r\n250-SIZE 1\r\n250 DSN\r\n', [reply(250, '', 'mx\nSIZE 1\nDSN')]],
    ['a status on every line', '550-5.1.1 no\r\n550 5.1.1 such user\r\n', [reply(550, '5.1.1', 'no\nsuch user')]],
    ['a status on the last line only', '550-no\r\n550 5.1.1 such user\r\n', [reply(550, '5.1.1', 'no\nsuch user')]],
    ['another status on a later line', '550-5.1.1 a\r\n550 5.7.1 b\r\n', [reply(550, '5.1.1', 'a\n5.7.1 b')]],
    ['a status of the wrong class', '450 5.1.1 busy\r\n', [reply(450, '', '5.1.1 busy')]],
    ['a status alone', '250 2.0.0\r\n', [reply(250, '2.0.0', '')]],
    ['two replies at once', '250 a\r\n354 b\r\n', [reply(250, '', 'a'), reply(354, '', 'b')]],
    ['a code alone', '250\r\n', [reply(250, '', '')]],
    ['a code and LF alone', '250\n', [reply(250, '', '')]],
    ['a code and a space', '250 \r\n', [reply(250, '', '')]],
    ['a bare LF', '250 ok\n', [reply(250, '', 'ok')]],
    ['one CR too many', '250 ok\r\r\n', [reply(250, '', 'ok')]],
    ['UTF-8', '550 5.1.1 Empfänger unbekannt\r\n', [reply(550, '5.1.1', 'Empfänger unbekannt')]],
    ['control characters', '550 a\u001b[31mb\0c\rd\u2028e\u0085f\r\n', [reply(550, '', 'a [31mb c d e f')]],
    ['an empty last line', '250-ok\r\n250\r\n', [reply(250, '', 'ok\n')]],
    ['nothing yet', '250-ok\r\n25', []],
    ['the longest line', `250 ${'x'.repeat(2042)}\r\n`, [reply(250, '', 'x'.repeat(2042))]],
    ['a line too long', `250 ${'x'.repeat(2045)}\r\n`, [{ problem: 'a reply line is too long' }]],
    ['a line without end', 'x'.repeat(10_000_000), [{ problem: 'a reply line is too long' }]],
    ['a hundred lines', `${'250-x\r\n'.repeat(99)}250 x\r\n`, [reply(250, '', Array(100).fill('x').join('\n'))]],
    ['endless lines', '250-x\r\n'.repeat(101), [{ problem: 'a reply is too long' }]],
    ['too many long lines', `250-${'x'.repeat(2000)}\r\n`.repeat(50), [{ problem: 'a reply is too long' }]],
    ['a code that changes', '250-a\r\n550 b\r\n', [{ problem: 'a reply changes its code midway' }]],
    ['another protocol', 'HTTP/1.1 400 Bad Request\r\n', [{ problem: 'not an SMTP reply' }]],
    ['an empty line', '\r\n', [{ problem: 'not an SMTP reply' }]],
    ['no line at all', '\n', [{ problem: 'not an SMTP reply' }]],
    ['two digits', '25\n0 ok\r\n', [{ problem: 'not an SMTP reply' }]],
    ['a code of no class', '150 go on\r\n', [{ problem: 'not an SMTP reply' }]],
    ['a code beyond the classes', '650 no\r\n', [{ problem: 'not an SMTP reply' }]],
    ['a code with a letter', '2S0 no\r\n', [{ problem: 'not an SMTP reply' }]],
    ['no space behind the code', '250ok\r\n', [{ problem: 'not an SMTP reply' }]],
    ['a reply before garbage', '250 ok\r\nfoo\r\n250 ok\r\n', [reply(250, '', 'ok'), { problem: 'not an SMTP reply' }]],
  ])('%s', (_, stream, expected) => expect(read(stream)).toEqual(expected));

  const fragment = fc.constantFrom(
    '250',
    '550',
    '-',
    ' ',
    '\r\n',
    '\n',
    '\r',
    '5.1.1 ',
    'ok',
    'é',
    '\0',
    'x'.repeat(700),
  );
  const cuts = fc.array(fc.nat({ max: 5000 }));

  test('gives the same however the stream is cut', () => {
    const stream = fc.array(fragment, { maxLength: 40 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(stream, cuts, (text, at) => {
        expect(read(text, at)).toEqual(read(text));
        expect(read(text, [...Buffer.from(text).keys()])).toEqual(read(text));
      }),
    );
  });

  test('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), cuts, (bytes, at) => {
        expect(() => read(Buffer.from(bytes), at)).not.toThrow();
      }),
    );
  });

  test('reads back what a server writes', () => {
    const line = fc.stringMatching(/^[a-z][a-z ]{0,40}[a-z]$/);
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 599 }),
        fc.array(line, { minLength: 1, maxLength: 20 }),
        (code, lines) => {
          const enhanced = code >= 300 && code < 400 ? '' : `${Math.floor(code / 100)}.1.2`;
          const sent = reply(code, enhanced, lines.join('\n'));
          expect(read(formatReply(sent))).toEqual([sent]);
        },
      ),
    );
  });

  test('knows whether something is left over', () => {
    const reader = new ReplyReader();
    expect([reader.isEmpty, reader.isIdle]).toEqual([true, true]);
    reader.feed(Buffer.from('250-a\r\n'));
    expect(reader.take()).toBeUndefined();
    expect([reader.isEmpty, reader.isIdle]).toEqual([true, false]);
    reader.feed(Buffer.from('250 b\r\n2'));
    expect(reader.take()).toEqual(reply(250, '', 'a\nb'));
    expect([reader.isEmpty, reader.isIdle]).toEqual([false, false]);
  });

  test('stays at the first problem', () => {
    const reader = new ReplyReader();
    reader.feed(Buffer.from('nonsense\r\n250 ok\r\n'));
    const problem = reader.take();
    reader.feed(Buffer.from('250 ok\r\n'));
    expect(reader.take()).toBe(problem);
    expect(reader.isIdle).toBe(false);
  });
});
