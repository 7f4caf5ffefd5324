import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readRaw } from './raw.ts';

const MESSAGE = 'From: Ann <a@example.com>\r\n\r\nbody\r\n';
const read = (text: string, query = 'to=b@dest.test') =>
  readRaw(Buffer.from(text, 'latin1'), new URLSearchParams(query), 1000);

test('the query names the recipients, each once; the author sends', () => {
  expect(read(MESSAGE, 'to=b@dest.test&to=c@dest.test&to=b@DEST.test')).toEqual({
    kind: 'raw',
    sender: 'a@example.com',
    recipients: ['b@dest.test', 'c@dest.test'],
    raw: Buffer.from(MESSAGE),
  });
});

test('the query may name another envelope sender', () => {
  expect(read(MESSAGE, 'to=b@dest.test&from=bounces%2Bx@example.com')).toMatchObject({
    sender: 'bounces+x@example.com',
  });
});

test('a last line without an end gets one', () => {
  expect(read('From: a@example.com\r\n\r\nbody')).toMatchObject({
    raw: Buffer.from('From: a@example.com\r\n\r\nbody\r\n'),
  });
});

test('a header that names nobody is left to admission', () => {
  expect(read('Subject: x\r\n\r\n')).toMatchObject({ kind: 'raw', sender: '' });
});

describe('is refused', () => {
  const many = Array.from({ length: 1001 }, (_, at) => `to=r${at}@dest.test`).join('&');
  test.each([
    ['without recipients', MESSAGE, '', 'must name recipients'],
    ['with an address that is none', MESSAGE, 'to=b', "to: The address has no '@'"],
    ['with two addresses in one', MESSAGE, 'to=b@dest.test,c@dest.test', 'to: '],
    ['with a sender that is none', MESSAGE, 'to=b@dest.test&from=x', 'from: '],
    ['with a line end in an address', MESSAGE, 'to=b@dest.test%0d%0aRCPT', 'to: '],
    ['with too many recipients', MESSAGE, many, '1000 recipients'],
    ['with LF alone', 'From: a@example.com\n\nbody\n', 'to=b@dest.test', 'CRLF'],
    ['with CR alone', 'From: a@example.com\r\n\r\nbo\rdy\r\n', 'to=b@dest.test', 'CRLF'],
    ['with CR at its end', 'From: a@example.com\r\n\r\nbody\r', 'to=b@dest.test', 'CRLF'],
    ['with NUL', 'From: a@example.com\r\n\r\nbo\0dy\r\n', 'to=b@dest.test', 'NUL'],
  ])('%s', (_, text, query, says) => {
    expect(read(text, query)).toMatchObject({ kind: 'invalid', errors: [{ detail: expect.stringContaining(says) }] });
  });
});

test('what is read is canonical, whatever came', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('\r', '\n', '\r\n', 'a', '.', '\0', ':') }), (text) => {
      const reading = read(text);
      const isCanonical = /^(?:[^\r\n\0]+|\r\n)*$/.test(text);
      expect(reading.kind).toBe(isCanonical ? 'raw' : 'invalid');
      expect(reading.kind === 'raw' ? reading.raw.toString() : '\r\n').toMatch(/^(?:[^\r\n\0]*\r\n)+$/);
    }),
  );
});
