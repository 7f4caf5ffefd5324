import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { relaxedBody, relaxedBodyHash, relaxedFields } from './canonical.ts';
import { runs } from '../../test/harness/runs.ts';

/** RFC 6376 §3.4.4 word for word, by regular expressions: slow, and plain to see. */
function referenceBody(body: string): string {
  const lines = body.replaceAll(/[ \t]+(?=\r\n|$)/g, '').replaceAll(/[ \t]+/g, ' ');
  const content = lines.replace(/(?:\r\n)+$/, '');
  return content === '' ? '' : `${content}\r\n`;
}

const relax = (body: string): string => relaxedBody(Buffer.from(`A: b\r\n\r\n${body}`), 8).toString();

describe('a relaxed body', () => {
  test.each([
    ['', ''],
    ['\r\n', ''],
    ['\r\n\r\n\r\n', ''],
    [' \t', ''],
    [' \r\n\t\r\n', ''],
    ['a', 'a\r\n'],
    ['a\r\n', 'a\r\n'],
    ['a\r\n\r\n\r\n', 'a\r\n'],
    ['a\r\n \t\r\n\r\n', 'a\r\n'],
    ['a \r\n', 'a\r\n'],
    ['a ', 'a\r\n'],
    ['a\t', 'a\r\n'],
    ['\ta ', ' a\r\n'],
    ['a b', 'a b\r\n'],
    ['a  b\r\n', 'a b\r\n'],
    ['a\tb\r\n', 'a b\r\n'],
    ['a \t b\r\n', 'a b\r\n'],
    [' a\r\n', ' a\r\n'],
    ['  a\r\n', ' a\r\n'],
    ['\ta\r\n', ' a\r\n'],
    ['\r\na\r\n', '\r\na\r\n'],
    ['a\r\n\r\nb\r\n', 'a\r\n\r\nb\r\n'],
    ['a\r\n  \r\nb\r\n', 'a\r\n\r\nb\r\n'],
    [' C \r\nD \t E\r\n\r\n\r\n', ' C\r\nD E\r\n'],
    ['a\0b\u00E9 \r\n', 'a\0b\u00E9\r\n'],
  ])('of %j is %j', (body, expected) => {
    expect(relax(body)).toBe(expected);
    expect(referenceBody(body)).toBe(expected);
  });

  test('in canonical form already is not copied', () => {
    const raw = Buffer.from('A: b\r\n\r\na b\r\nc\r\n\r\n');
    expect(relaxedBody(raw, 8).buffer).toBe(raw.buffer);
    expect(relaxedBody(raw, 8).byteOffset).toBe(raw.byteOffset + 8);
  });

  test('larger than the reused Buffer is whole', () => {
    const body = 'a  b \r\n'.repeat(100_000);
    expect(relax(body) === referenceBody(body)).toBe(true);
  });

  test('is what the RFC describes, for any text', () => {
    const part = fc.constantFrom(' ', '  ', '\t', '\r\n', '\r\n\r\n', 'a', 'bc', 'é', '.', '\0');
    const body = fc.array(part, { maxLength: 40 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(body, (text) => {
        expect(relax(text)).toBe(referenceBody(text));
      }),
      { numRuns: runs(2000) },
    );
  });

  test('is read as it is for any bytes, without changing them', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const raw = Buffer.from(bytes);
        relaxedBody(raw, 0);
        expect([...raw]).toEqual([...bytes]);
      }),
    );
  });
});

test.each([
  ['', '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='],
  ['\r\n\r\n', '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='],
  ['a  b \r\n', createHash('sha256').update('a b\r\n').digest('base64')],
])('the hash of the body %j is %s', (body, expected) => {
  expect(relaxedBodyHash(Buffer.from(body), 0)).toBe(expected);
});

test.each([
  ['A: X\r\n', 'a:X\r\n'],
  ['B: Y\t\r\n\tZ  \r\n', 'b:Y Z\r\n'],
  ['a:\r\n', 'a:\r\n'],
  ['a: \t\r\n \r\n', 'a:\r\n'],
  ['a:\r\n b\r\n', 'a:b\r\n'],
  ['Subject: caf\u00E9  x\r\n', 'subject:caf\u00E9 x\r\n'],
  ['a:b:c\r\n', 'a:b:c\r\n'],
])('the relaxed field of %j is %j', (field, expected) => {
  const raw = Buffer.from(`first: 1\r\n${field}`);
  const name = field.slice(0, field.indexOf(':')).toLowerCase();
  expect(relaxedFields(raw, [{ name, start: 10, end: raw.length }]).toString()).toBe(expected);
});

test('relaxed fields come in the order given, as often as given', () => {
  const raw = Buffer.from('A: 1\r\nB: 2\r\n');
  const first = { name: 'a', start: 0, end: 6 };
  const second = { name: 'b', start: 6, end: 12 };
  expect(relaxedFields(raw, [second, first, second]).toString()).toBe('b:2\r\na:1\r\nb:2\r\n');
  expect(relaxedFields(raw, []).toString()).toBe('');
});
