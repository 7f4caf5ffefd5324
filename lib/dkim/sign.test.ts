import { createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../run/fake-clock.ts';
import { hours } from '../run/clock.ts';
import type { FieldSpan } from './canonical.ts';
import { generateKey, loadKey, type SigningKey } from './key.ts';
import { signMessage } from './sign.ts';
import { type DkimVerdict, verifyDkim } from './verify.ts';
import { runs } from '../../test/harness/runs.ts';

const clock = new FakeClock();
const now = clock.now();

const KEYS: readonly SigningKey[] = [
  loadKey(await generateKey('RSA2048'), 'r1', 'example.com'),
  loadKey(await generateKey('Ed25519'), 'e1', 'example.com'),
];
const RECORDS = new Map(KEYS.map((it) => [it.selector, it.record]));

/** Answers any domain with the key of its selector. */
const lookupTxt = async (name: string): Promise<string[]> => {
  const record = RECORDS.get(name.slice(0, name.indexOf('._domainkey.')));
  return record === undefined ? [] : [record];
};

/** A reader of fields good enough for the messages here. */
function layoutOf(raw: Buffer): { fields: FieldSpan[]; bodyStart: number } {
  const text = raw.toString('latin1');
  const separator = text.indexOf('\r\n\r\n');
  const fields: FieldSpan[] = [];
  for (const found of text.slice(0, separator + 2).matchAll(/([^:]+):(?:[^\r]|\r\n[ \t])*\r\n/g))
    fields.push({ name: (found[1] ?? '').toLowerCase(), start: found.index, end: found.index + found[0].length });
  return { fields, bodyStart: separator + 4 };
}

async function signed(message: string | Buffer, keys = KEYS): Promise<Buffer> {
  const raw = Buffer.from(message);
  return Buffer.concat([await signMessage(raw, layoutOf(raw), keys, { now }), raw]);
}

const verify = async (raw: Buffer | string, at = now): Promise<DkimVerdict[]> =>
  verifyDkim(Buffer.from(raw), lookupTxt, at);
const resultsOf = async (raw: Buffer | string, at = now): Promise<string[]> =>
  (await verify(raw, at)).map((verdict) => verdict.result);

const HEAD = [
  'From: Joe <joe@example.com>',
  'To: ann@example.org',
  'Subject: Hello',
  'Date: Thu, 01 Jan 2026 00:00:00 +0000',
  'Message-ID: <1@example.com>',
  'MIME-Version: 1.0',
  'Content-Type: text/plain; charset=utf-8',
].join('\r\n');

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

const CORPUS: readonly (readonly [what: string, message: string | Buffer])[] = [
  ['a plain message', `${HEAD}\r\n\r\nHello\r\n`],
  ['folded fields', `Subject:\r\n  one\r\n\ttwo  \r\n three\r\n${HEAD}\r\n\r\nHello\r\n`],
  ['a body of nothing', `${HEAD}\r\n\r\n`],
  ['a body of empty lines', `${HEAD}\r\n\r\n\r\n\r\n`],
  ['a body of white space', `${HEAD}\r\n\r\n \t\r\n  `],
  ['trailing empty lines', `${HEAD}\r\n\r\nHello\r\n\r\n \r\n\r\n`],
  ['no line end at the end', `${HEAD}\r\n\r\nHello`],
  ['white space at the end without a line end', `${HEAD}\r\n\r\nHello \t`],
  ['tabs and runs of spaces', `${HEAD}\r\nX-A:\tb\t\tc \r\n\r\n\tHello  \t world \t\r\n`],
  ['8-bit bytes', latin1(`Subject: caf\u00E9\r\n${HEAD}\r\n\r\ncaf\u00E9 \u00A0\u00FF  x\r\n`)],
  [
    'duplicate names',
    `Subject: 1\r\nReceived: a\r\nSubject: 2\r\n${HEAD}\r\nReply-To: a\r\nReply-To: b\r\n\r\nHello\r\n`,
  ],
  ['names in odd case', `fROM: joe@example.com\r\nsubJECT: x\r\nLIST-ID: <y>\r\n\r\nHello\r\n`],
  ['long lines', `${HEAD}\r\nReferences: <${'r'.repeat(900)}>\r\n\r\n${'long '.repeat(20_000)}\r\n`],
  ['a From alone', 'From: joe@example.com\r\n\r\nHello\r\n'],
  ['many Received', `${'Received: from a by b; today\r\n'.repeat(60)}${HEAD}\r\n\r\nHello\r\n`],
  [
    'every field that is signed',
    `${HEAD}\r\nSender: s@example.com\r\nList-Unsubscribe: <https://x.example/u>\r\nFeedback-ID: a:b\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nCFBL-Address: f@example.com\r\nList-ID: <l>\r\nIn-Reply-To: <0@x>\r\nReferences: <0@x>\r\n\r\nHello\r\n`,
  ],
  ['empty values', 'From: joe@example.com\r\nSubject:\r\nTo: \r\nCc:\t\r\n \r\n\r\nHello\r\n'],
  ['dots and dashes', `${HEAD}\r\n\r\n.\r\n..\r\n--x\r\n`],
];

test.each(CORPUS)('both signatures of %s pass', async (_, message) => {
  expect(await resultsOf(await signed(message))).toEqual(['pass', 'pass']);
});

describe('a signature', () => {
  test('names key, algorithm and times', async () => {
    const field = (await signed(`${HEAD}\r\n\r\nHello\r\n`)).toString().replaceAll('\r\n ', ' ');
    expect(field).toMatch(
      /^DKIM-Signature: v=1; a=rsa-sha256; c=relaxed\/relaxed; d=example.com; s=r1; t=1767225600; x=1767830400;/,
    );
    expect(field).toContain('; a=ed25519-sha256; ');
    expect(field).not.toContain(' l=');
  });

  test('stays within 76 columns and ends with CRLF', async () => {
    const raw = latin1(`${HEAD}\r\n\r\nHello\r\n`);
    const fields = (await signMessage(raw, layoutOf(raw), KEYS, { now })).toString();
    expect(Math.max(...fields.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(76);
    expect(fields.endsWith('\r\n')).toBe(true);
    expect(fields).not.toMatch(/[ \t]\r\n|\r\n\r\n/);
  });

  test('expires after seven days, or when asked', async () => {
    const raw = latin1(`${HEAD}\r\n\r\nHello\r\n`);
    const week = await signed(raw);
    expect(await resultsOf(week, now + hours(168))).toEqual(['pass', 'pass']);
    expect((await verify(week, now + hours(169)))[0]).toMatchObject({ result: 'neutral', reason: 'expired' });
    const hour = await signMessage(raw, layoutOf(raw), KEYS, { now, expiresAfter: hours(1) });
    expect(await resultsOf(Buffer.concat([hour, raw]), now + hours(2))).toEqual(['neutral', 'neutral']);
  });

  test('lists oversigned names once more than they occur, others as often, trace fields never', async () => {
    const message = `Received: a\r\nReturn-Path: <x@y>\r\nCc: a\r\nCc: b\r\nList-Id: l\r\nX-A: b\r\n${HEAD}\r\n\r\nHello\r\n`;
    const names =
      /h=([^;]*);/
        .exec((await signed(message)).toString())?.[1]
        ?.replaceAll(/\s/g, '')
        .split(':') ?? [];
    const count = (name: string): number => names.filter((it) => it === name).length;
    expect(['from', 'to', 'subject', 'content-type'].map(count)).toEqual([2, 2, 2, 2]);
    expect(['cc', 'reply-to', 'list-unsubscribe', 'list-unsubscribe-post'].map(count)).toEqual([3, 1, 1, 1]);
    expect(['list-id', 'sender', 'received', 'return-path', 'x-a', 'dkim-signature'].map(count)).toEqual([
      1, 0, 0, 0, 0, 0,
    ]);
  });

  test('of no key is nothing', async () => {
    expect((await signed(`${HEAD}\r\n\r\nHello\r\n`, [])).toString()).toBe(`${HEAD}\r\n\r\nHello\r\n`);
  });

  test('by a key that cannot sign is refused', async () => {
    const keys = KEYS.map((key) => Object.assign({}, key, { privateKey: createPublicKey(key.privateKey) }));
    await expect(signed(`${HEAD}\r\n\r\nHello\r\n`, keys)).rejects.toThrow(/key/i);
  });
});

describe('a signed message', () => {
  const message = `${HEAD}\r\nSender: s@example.com\r\n\r\nHello world\r\n`;

  test.each([
    'From: evil@example.net',
    'To: more@example.org',
    'Cc: more@example.org',
    'Subject: other',
    'Date: Fri, 02 Jan 2026 00:00:00 +0000',
    'Reply-To: evil@example.net',
    'Message-ID: <2@example.net>',
    'MIME-Version: 1.0',
    'Content-Type: text/html',
    'List-Unsubscribe: <https://evil.example>',
    'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
  ])('does not pass with another %s on top or below', async (field) => {
    const raw = (await signed(message)).toString();
    expect(await resultsOf(`${field}\r\n${raw}`)).toEqual(['fail', 'fail']);
    expect(await resultsOf(raw.replace('\r\n\r\n', `\r\n${field}\r\n\r\n`))).toEqual(['fail', 'fail']);
  });

  test.each(['Received: from a by b; today', 'Return-Path: <x@y.example>', 'Authentication-Results: x; dkim=pass'])(
    'passes with %s on top, as relays add it',
    async (field) =>
      expect(await resultsOf(`${field}\r\n${(await signed(message)).toString()}`)).toEqual(['pass', 'pass']),
  );

  test.each([
    ['a changed body', 'Hello world', 'Hello there'],
    ['a longer body', 'Hello world\r\n', 'Hello world\r\nmore\r\n'],
    ['a changed From', 'joe@', 'jim@'],
    ['a removed Sender', 'Sender: s@example.com\r\n', ''],
  ])('does not pass with %s', async (_, from, to) => {
    const raw = (await signed(message)).toString();
    expect(await resultsOf(raw.replace(from, to))).toEqual(['fail', 'fail']);
  });

  test('does not pass when the key is not there, or DNS fails', async () => {
    const raw = await signed(message);
    expect(await verifyDkim(raw, async () => [], now)).toMatchObject([{ result: 'neutral' }, { result: 'neutral' }]);
    const broken = async (): Promise<string[]> => Promise.reject(new Error('SERVFAIL'));
    expect((await verifyDkim(raw, broken, now)).map((it) => it.result)).toEqual(['temperror', 'temperror']);
  });

  test('gives verdicts in order, with domain, selector and algorithm', async () => {
    expect(await verify(await signed(message))).toEqual([
      { domain: 'example.com', selector: 'r1', algorithm: 'rsa-sha256', result: 'pass', reason: '' },
      { domain: 'example.com', selector: 'e1', algorithm: 'ed25519-sha256', result: 'pass', reason: '' },
    ]);
  });
});

test('unsigned mail has no verdicts', async () => {
  expect(await verify(`${HEAD}\r\n\r\nHello\r\n`)).toEqual([]);
});

test('a long domain and selector are folded around, not broken', async () => {
  const domain = `${'d'.repeat(63)}.${'e'.repeat(63)}.example`;
  const keys = KEYS.map((key) => Object.assign({}, key, { domain }));
  expect(await verify(await signed(`${HEAD}\r\n\r\nHello\r\n`, keys))).toMatchObject([
    { domain, result: 'pass' },
    { domain, result: 'pass' },
  ]);
});

test('signing many messages at once mixes nothing up', async () => {
  const messages = Array.from(
    { length: 40 },
    (_, at) => `${HEAD}\r\nX-N: ${at}\r\n\r\nHello  ${at} ${'x '.repeat(at * 50)}\r\n`,
  );
  const all = await Promise.all(messages.map(async (message) => resultsOf(await signed(message))));
  expect(all.flat().every((result) => result === 'pass')).toBe(true);
});

test('the signatures of any message pass', async () => {
  const name = fc.constantFrom(
    'From',
    'To',
    'SUBJECT',
    'Cc',
    'References',
    'List-Id',
    'Received',
    'X-A',
    'content-type',
  );
  const text = fc.array(fc.constantFrom('a', 'é', ' ', '  ', '\t', '\r\n ', '\r\n\t', ':', ';', '=', 'word'), {
    maxLength: 12,
  });
  const field = fc.tuple(name, text).map(([left, right]) => `${left}:${right.join('')}\r\n`);
  const part = fc.constantFrom('a', 'é', ' ', '\t', '\r\n', '\r\n\r\n', '.', '=20', 'words and words');
  const message = fc
    .tuple(fc.array(field, { maxLength: 12 }), fc.array(part, { maxLength: 40 }))
    .map(([fields, body]) => `From: joe@example.com\r\n${fields.join('')}\r\n${body.join('')}`);
  await fc.assert(
    fc.asyncProperty(message, async (it) => {
      expect(await resultsOf(await signed(it))).toEqual(['pass', 'pass']);
    }),
    { numRuns: runs(200) },
  );
});
