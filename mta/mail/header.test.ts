import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Header, fieldBytes, fieldValue, fieldsNamed, readHeader } from './header.ts';
import { runs } from '../../test/harness/runs.ts';

function header(text: string): Header {
  const reading = readHeader(Buffer.from(text));
  if (reading.kind !== 'header') throw new Error(reading.problem);
  return reading.header;
}

const valuesOf = (it: Header, name: string): string[] => fieldsNamed(it, name).map((field) => fieldValue(it, field));

describe('a header', () => {
  const raw = 'From: a@x.example\r\nSUBJECT:\t one\r\n  two \r\nX-Empty:\r\nsubject: three\r\n\r\nBody: no\r\n';
  const read = header(raw);

  test('gives its fields in order, names in lower case', () => {
    expect(read.fields.map((field) => field.name)).toEqual(['from', 'subject', 'x-empty', 'subject']);
  });

  test('gives values unfolded and trimmed', () => {
    expect(valuesOf(read, 'subject')).toEqual(['one  two', 'three']);
    expect(valuesOf(read, 'x-empty')).toEqual(['']);
    expect(valuesOf(read, 'missing')).toEqual([]);
  });

  test('gives the bytes of a field without change', () => {
    const bytes = fieldsNamed(read, 'subject').map((field) => fieldBytes(read, field).toString());
    expect(bytes).toEqual(['SUBJECT:\t one\r\n  two \r\n', 'subject: three\r\n']);
  });

  test('ends before the body', () => {
    expect(raw.slice(read.bodyStart)).toBe('Body: no\r\n');
  });
});

test.each([
  ['A: b\r\n', 6],
  ['A: b\r\n\r\n', 8],
  ['A: b\r\n\r\nx', 8],
  ['A: b\r\n\r\n\r\n', 8],
])('the body of %j starts at %i', (raw, bodyStart) => expect(header(raw).bodyStart).toBe(bodyStart));

test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('A14 %s is a name like any other', (name) => {
  const read = header(`${name}: x\r\n\r\n`);
  expect(valuesOf(read, name.toLowerCase())).toEqual(['x']);
  expect(valuesOf(header('A: b\r\n'), name.toLowerCase())).toEqual([]);
});

test('bytes above 127 are read as UTF-8 or latin1', () => {
  const read = header('Subject: Grüße\u00A0\r\n');
  const [field] = fieldsNamed(read, 'subject');
  expect(field && fieldValue(read, field)).toBe('Grüße\u00A0');
  expect(field && fieldValue(read, field, 'latin1')).toBe(Buffer.from('Grüße\u00A0').toString('latin1'));
});

test.each([
  ['', 'empty'],
  ['\r\n', 'empty'],
  ['\r\nFrom: a@x.example\r\n\r\n', 'empty'],
  [' folded: x\r\n', 'folded line'],
  ['\tfolded: x\r\n', 'folded line'],
  [': x\r\n', 'without a name'],
  ['Subject : x\r\n', 'space between'],
  ['Subject\t: x\r\n', 'space between'],
  ['From joe Mon Jan 1\r\n', 'not a field'],
  ['no colon\r\n', 'not a field'],
  ['A: b\r\nnocolon\r\n\r\n', 'not a field'],
  ['A: b\r\nCafé: x\r\n', 'not a field'],
  ['A: b\r\nX\0: x\r\n', 'not a field'],
  ['A: b\0c\r\n', 'control character'],
  ['A: b\u001Bc\r\n', 'control character'],
  ['A: b\u007Fc\r\n', 'control character'],
  ['A: b\nB: c\r\n', 'broken line end'],
  ['A: b\rB: c\r\n', 'broken line end'],
  ['A: b\r\r\n', 'broken line end'],
  ['A: b', 'broken line end'],
  ['A: b\r', 'broken line end'],
  ['A:', 'broken line end'],
  ['A', 'not a field'],
])('%j is malformed', (raw, because) => {
  expect(readHeader(Buffer.from(raw))).toEqual({ kind: 'malformed', problem: expect.stringContaining(because) });
});

describe('limits', () => {
  const limits = { bytes: 100, fields: 3 };
  const kindOf = (raw: string): string => readHeader(Buffer.from(raw), limits).kind;

  test('a header at the limits is read, whatever the body', () => {
    expect(kindOf(`${'A: b\r\n'.repeat(3)}\r\n${'x'.repeat(1000)}`)).toBe('header');
    expect(kindOf(`A: ${'b'.repeat(94)}\r\n`)).toBe('header');
    expect(kindOf(`A: ${'b'.repeat(94)}\r\n\r\n${'x'.repeat(1000)}`)).toBe('header');
  });

  test.each([
    ['one field too many', 'A: b\r\n'.repeat(4)],
    ['a value one byte too long', `A: ${'b'.repeat(95)}\r\n`],
    ['a value without end', `A: ${'b'.repeat(1000)}`],
    ['folding without end', `A: b${'\r\n c'.repeat(1000)}`],
    ['a name without end', 'b'.repeat(1000)],
  ])('%s is too large', (_, raw) => expect(kindOf(raw)).toBe('too-large'));
});

test('any bytes give a reading, and the fields tile the header', () => {
  const part = fc.constantFrom('\r\n', '\r', '\n', ':', ' ', '\t', 'A: b', 'From', '\0', 'ü', '\r\n ', ': x\r\n');
  const soup = fc.array(part, { maxLength: 20 }).map((parts) => Buffer.from(parts.join('')));
  const bytes = fc.uint8Array().map((it) => Buffer.from(it));
  fc.assert(
    fc.property(fc.oneof(soup, bytes), (raw) => {
      const reading = readHeader(raw);
      if (reading.kind !== 'header') return;
      const { fields, bodyStart } = reading.header;
      const rest = raw.subarray(fields.at(-1)?.end, bodyStart).toString();
      expect(['', '\r\n']).toContain(rest);
      for (const [at, field] of fields.entries()) expect(field.start).toBe(fields[at - 1]?.end ?? 0);
    }),
    { numRuns: runs(2000) },
  );
});

test('what was written is read', () => {
  const name = fc.stringMatching(/^[!-9;-~]{1,20}$/);
  const word = fc.stringMatching(/^[!-~é]{1,20}$/);
  const field = fc.record({ name, words: fc.array(word, { minLength: 1, maxLength: 5 }) });
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 10 }), (fields) => {
      const read = header(`${fields.map((it) => `${it.name}: ${it.words.join('\r\n ')}\r\n`).join('')}\r\nbody`);
      expect(read.fields.map((it) => [it.name, fieldValue(read, it)])).toEqual(
        fields.map((it) => [it.name.toLowerCase(), it.words.join(' ')]),
      );
    }),
  );
});
