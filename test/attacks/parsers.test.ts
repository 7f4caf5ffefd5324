/**
 * Every parser that reads what strangers send: it never throws, and twice as much costs at most twice the time.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '#lib/address/address.ts';
import { parseMailboxList } from '#lib/address/mailbox-list.ts';
import { tokenize } from '#lib/address/tokens.ts';
import { relaxedBody, relaxedFields } from '#lib/dkim/canonical.ts';
import { splitToken } from '#lib/keyring/verifier.ts';
import { readJson } from '#lib/http/json.ts';
import { readRaw } from '#mta/accept/http/raw.ts';
import { readClues } from '#mta/accept/returns/clues.ts';
import { withLineEnds } from '#mta/accept/returns/line-ends.ts';
import { startAuth } from '#mta/accept/smtp/auth.ts';
import { DataReader } from '#mta/accept/smtp/data.ts';
import { Framer } from '#mta/accept/smtp/framing.ts';
import { ReceivingMemory } from '#mta/accept/memory.ts';
import { defaultLimits } from '#mta/accept/smtp/limits.ts';
import { readMailParameters, readRcptParameters } from '#mta/accept/smtp/parameters.ts';
import { readProxyHeader } from '#mta/accept/smtp/proxy.ts';
import { parseCommand } from '#mta/accept/smtp/verbs.ts';
import { decodeOriginalRecipient, decodeXtext } from '#mta/mail/dsn-request.ts';
import { readHeader } from '#mta/mail/header.ts';
import { parseCapabilities } from '#mta/send/capabilities.ts';
import { asData } from '#mta/send/content.ts';

/** No limit may hide what a parser costs. */
const UNLIMITED = { bytes: Infinity, fields: Infinity };
const ROOMY = { ...defaultLimits, messageBytes: 4e6, headerBytes: Infinity, headerFields: Infinity };
const LISTS = { groups: true, utf8: true };

const text = (bytes: Buffer): string => bytes.toString('latin1');

function frames(bytes: Buffer): void {
  const framer = new Framer();
  for (let at = 0; at < bytes.length; at += 65_536) {
    framer.push(bytes.subarray(at, at + 65_536));
    while (framer.next());
  }
}

function chunks(bytes: Buffer): void {
  const framer = new Framer();
  framer.push(bytes);
  for (let left = bytes.length; left > 0; left -= 512) {
    framer.readChunk(
      Math.min(left, 512),
      left <= 512,
      ROOMY,
      new ReceivingMemory(() => 8e6).hold(() => ['a']),
    );
    framer.next();
  }
}

function data(bytes: Buffer): void {
  const reader = new DataReader(
    ROOMY,
    new ReceivingMemory(() => 8e6).hold(() => ['a']),
  );
  for (let at = 0; at < bytes.length; at += 65_536) reader.read(bytes.subarray(at, at + 65_536), 0);
}

/** What reads, and what is worst for it: each pattern is repeated until there are enough bytes. */
const PARSERS: Readonly<
  Record<string, { readonly read: (bytes: Buffer) => unknown; readonly patterns: readonly string[] }>
> = {
  address: {
    read: (bytes) => parseAddress(text(bytes), { utf8: true, literal: true }),
    patterns: ['a', '"', '@', '.', '\\', '"\\', '[', 'xn--'],
  },
  'list of mailboxes': {
    read: (bytes) => parseMailboxList(text(bytes), LISTS),
    patterns: [
      'a@b.example,',
      '"a" <a@b.example>, ',
      'a ',
      '(',
      '()',
      '(a)',
      '"',
      '"a"',
      '\r\n ',
      'g:;,',
      '<',
      '[a]',
      ' ',
    ],
  },
  tokens: { read: (bytes) => tokenize(text(bytes)), patterns: ['a ', '"\\a"', '(', '()', '\r\n ', '[a]', '.', '\\'] },
  command: {
    read: (bytes) => parseCommand(bytes, 'mail.example'),
    patterns: ['MAIL FROM:<', 'a', ' ', '"', 'RCPT TO:<a@b.example> ', '\xff'],
  },
  'parameters of MAIL': {
    read: (bytes) => readMailParameters(text(bytes)),
    patterns: [' SIZE=1', ' A', ' ', 'a=', ' ENVID=+', ' A1=b'],
  },
  'parameters of RCPT': {
    read: (bytes) => readRcptParameters(text(bytes)),
    patterns: [' NOTIFY=DELAY,', ' ORCPT=rfc822;', ' B=', ','],
  },
  AUTH: { read: (bytes) => startAuth('PLAIN', text(bytes)), patterns: ['AAAA', 'YWJj', '=', 'a', ' '] },
  xtext: {
    read: (bytes) => [decodeXtext(text(bytes)), decodeOriginalRecipient(`rfc822;${text(bytes)}`)],
    patterns: ['+2B', '+', 'a', '+4'],
  },
  header: {
    read: (bytes) => readHeader(bytes, UNLIMITED),
    patterns: ['A: b\r\n', ' ', 'A', ':', 'A: b\r\n c\r\n', '\r\n', 'A:\r\n \r\n'],
  },
  'PROXY header': {
    read: (bytes) => readProxyHeader(bytes),
    patterns: ['PROXY TCP4 ', '\0', '\r\n\r\n\0\r\nQUIT\n!\x11\xff\xff'],
  },
  frames: { read: frames, patterns: ['NOOP\r\n', 'a', '\r', '\n', '\r\n', '\r\r\n'] },
  chunks: { read: chunks, patterns: ['A: b\r\n', '\r\n', '.', '\r', 'a'] },
  data: { read: data, patterns: ['A: b\r\n', '\r\n', '\r\n..', '.', '\r', '\n', '\r\n.\r', 'a', '\0'] },
  transparency: {
    read: (bytes) => asData([Buffer.concat([bytes, Buffer.from('\r\n')])]),
    patterns: ['.', '\r\n.', '\r\n', 'a'],
  },
  'body canonicalized': {
    read: (bytes) => relaxedBody(Buffer.concat([bytes, Buffer.from('\r\n')]), 0),
    patterns: [' ', '\r\n', 'a ', ' \r\n', 'a\t\r\n'],
  },
  'fields canonicalized': { read: canonicalFields, patterns: ['A: b\r\n', 'A: b\r\n \r\n', 'A:  \t\r\n'] },
  token: { read: (bytes) => splitToken(text(bytes)), patterns: ['~', 'a', 'a~', '.'] },
  JSON: {
    read: (bytes) => readJson(bytes, Infinity),
    patterns: ['[', '{"a":', '"', '\\', '[1],', '"\\u0000",', ' ', '1', '{"a":1},'],
  },
  'message as it is': {
    read: (bytes) => readRaw(bytes, new URLSearchParams('to=a@b.example'), 1000),
    patterns: ['A: b\r\n', '\r\n', '\n', '\r', 'From: a@b.example,\r\n '],
  },
  'clues of a report': {
    read: (bytes) => readClues({ fields: [], subject: '', text: text(bytes), parts: [] }),
    patterns: [
      'b-',
      `b-${'0'.repeat(29)}-${'0'.repeat(26)}@`,
      `b-${'0'.repeat(29)}-`,
      'id ',
      'id\r\n ',
      `<${'0'.repeat(26)}@`,
      '<',
      '0',
    ],
  },
  'line ends': { read: (bytes) => withLineEnds(bytes), patterns: ['\r', '\n', '\r\n', '\n\r', 'a', 'a\n'] },
  'capabilities of a receiver': {
    read: (bytes) => parseCapabilities(text(bytes)),
    patterns: ['SIZE 1\n', 'A', '\n', ' '],
  },
};

function canonicalFields(bytes: Buffer): unknown {
  const reading = readHeader(bytes, UNLIMITED);
  return reading.kind === 'header' ? relaxedFields(bytes, reading.header.fields) : undefined;
}

const MEGABYTE = 1_000_000;

/** Milliseconds for all of these. */
function timeOf(read: (bytes: Buffer) => unknown, parts: readonly Buffer[]): number {
  const started = performance.now();
  for (const part of parts) read(part);
  return performance.now() - started;
}

/** Below this the machine's other business is most of what is measured. */
const TOO_SHORT = 5;
const MOST = 2.5;
const PARTS = 8;

/**
 * How many times longer twice as much takes: the same bytes whole and in eighths, so that both take about as long where a
 * parser is linear. Least times, taken again until they are low enough, because the machine has other business.
 */
function ratio(read: (bytes: Buffer) => unknown, pattern: string, size: number): number {
  const whole = Buffer.alloc(size, pattern, 'latin1');
  const parts = Array.from({ length: PARTS }, () => whole.subarray(0, size / PARTS));
  let [apart, together, doubling] = [Infinity, Infinity, Infinity];
  for (let time = 0; time < 60 && doubling >= MOST; time += 1) {
    apart = Math.min(apart, timeOf(read, parts));
    together = Math.min(together, timeOf(read, [whole]));
    doubling = together <= TOO_SHORT ? 1 : 2 * Math.cbrt(together / apart);
  }
  return doubling;
}

describe.each(Object.entries(PARSERS))('B03 %s', (_, { read, patterns }) => {
  test.each(patterns.map((it) => [JSON.stringify(it), it]))(
    'a megabyte of %s costs twice what half of it does',
    (_name, pattern) => {
      // Some refuse a megabyte for its size: they are asked for what they read, too.
      for (const size of [128 * 1024, MEGABYTE]) expect(ratio(read, pattern, size)).toBeLessThan(MOST);
    },
  );

  test('whatever bytes come, nothing is thrown', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((it) => Buffer.from(it)),
      fc
        .array(fc.constantFrom(...patterns, '@', '\r\n', '<', '>'), { maxLength: 30 })
        .map((it) => Buffer.from(it.join(''), 'latin1')),
    );
    fc.assert(
      fc.property(bytes, (it) => void read(it)),
      { numRuns: 500 },
    );
    expect(() => read(Buffer.alloc(0))).not.toThrow();
  });
});

test('B03 brackets within brackets, five thousand deep, are read without recursion', () => {
  const deep = Buffer.from(`${'['.repeat(5000)}${']'.repeat(5000)}`);
  expect(['json', 'unreadable']).toContain(readJson(deep, MEGABYTE).kind);
  expect(parseMailboxList('('.repeat(5000) + ')'.repeat(5000), LISTS).kind).toBe('problem');
});

describe('B03 what was read is all there is', () => {
  const value = fc.array(fc.constantFrom('a', ' ', '"b"', '(c)', ',', '<', '>', '@', '.', ':', '\r\n ', '[d]'), {
    maxLength: 20,
  });

  test('the texts of tokens are the value', () => {
    fc.assert(
      fc.property(value, (parts) => {
        const scan = tokenize(parts.join(''));
        const joined = scan.kind === 'tokens' ? scan.tokens.map((it) => it.text).join('') : parts.join('');
        expect(joined).toBe(parts.join(''));
      }),
    );
  });

  test('the fields of a header, in their order, and the body are the message', () => {
    const field = fc.constantFrom('A: b\r\n', 'Subject:\r\n x\r\n', 'X-Y:\r\n', 'a:b\r\n');
    fc.assert(
      fc.property(
        fc.array(field, { minLength: 1 }),
        fc.constantFrom('', '\r\n', '\r\nbody', '\r\nA: b\r\n'),
        (fields, rest) => {
          const raw = Buffer.from(fields.join('') + rest);
          const reading = readHeader(raw);
          const read = reading.kind === 'header' ? reading.header : undefined;
          const parts = read?.fields.map((it) => raw.subarray(it.start, it.end).toString());
          expect(parts).toEqual(fields);
          expect(read?.bodyStart).toBe(fields.join('').length + Math.min(2, rest.length));
        },
      ),
    );
  });
});
