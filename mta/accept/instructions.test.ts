import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seconds } from '#lib/run/clock.ts';
import { readHeader } from '../mail/header.ts';
import { type Instructions, readInstructions } from './instructions.ts';

const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

function read(...fields: readonly string[]) {
  const reading = readHeader(Buffer.from(`From: a@example.com\r\n${fields.map((it) => `${it}\r\n`).join('')}\r\n`));
  if (reading.kind !== 'header') throw new Error(reading.problem);
  return readInstructions(reading.header);
}

const of = (field: string): Instructions | string => {
  const reading = read(field);
  return reading.kind === 'invalid' ? reading.problem : reading.instructions;
};

test.each<[string, Instructions]>([
  ['Subject: no instruction', {}],
  ['X-Postfleet-Tags: welcome, trial', { labels: { tags: ['welcome', 'trial'], metadata: {} } }],
  ['X-POSTFLEET-TAGS:one', { labels: { tags: ['one'], metadata: {} } }],
  ['X-Postfleet-Metadata: {"order":\r\n "47\u00e411"}', { labels: { tags: [], metadata: { order: '47\u00e411' } } }],
  ['X-Postfleet-Metadata: {}', {}],
  ['X-Postfleet-Send-At: 2026-01-01T01:00:00+01:00', { sendAt: Date.UTC(2026, 0, 1) }],
  ['X-Postfleet-Expire-After: 3600', { expireAfter: seconds(3600) }],
  ['X-Postfleet-Priority: bulk', { priority: 'bulk' }],
  ['X-Postfleet-Priority: transactional', {}],
  ['X-Postfleet-Idempotency-Key: order-4711', { key: 'order-4711' }],
  [`X-Postfleet-Traceparent: ${PARENT}`, { trace: { traceparent: PARENT } }],
  [`X-Postfleet-Traceparent: ${PARENT}-more`, {}],
  ['X-Postfleet-Tracestate: rojo=1', {}],
])('what is said is read: %j', (field, want) => {
  expect(of(field)).toEqual(want);
});

describe('what cannot be followed is refused by name', () => {
  test.each([
    ['X-Postfleet-Tag: a', 'x-postfleet-tag is not a known field; did you mean x-postfleet-tags?'],
    ['X-Postfleet-Priority: urgent', 'x-postfleet-priority must be one of transactional, bulk'],
    ['X-Postfleet-Tags:', 'x-postfleet-tags must not be empty'],
    ['X-Postfleet-Tags: a,,b', 'x-postfleet-tags must not be empty'],
    ['X-Postfleet-Tags: a b', 'x-postfleet-tags must be letters, digits, dots, colons, hyphens'],
    [
      `X-Postfleet-Tags: ${Array.from({ length: 11 }, () => 'a').join(',')}`,
      'x-postfleet-tags must have at most 10 entries',
    ],
    ['X-Postfleet-Metadata: order', 'x-postfleet-metadata must be a JSON object: it is not JSON in UTF-8'],
    ['X-Postfleet-Metadata: ["a"]', 'x-postfleet-metadata must be a group of fields'],
    ['X-Postfleet-Metadata: {"a":1}', 'x-postfleet-metadata must be text: put it in quotes'],
    [
      'X-Postfleet-Metadata: {"a":"1","a":"2"}',
      'x-postfleet-metadata must be a JSON object: it has the same field twice in one object',
    ],
    [
      'X-Postfleet-Send-At: tomorrow',
      'x-postfleet-send-at must be a moment with its time zone, such as 2026-12-31T23:59:59Z',
    ],
    [
      'X-Postfleet-Send-At: 2026-02-30T00:00:00Z',
      'x-postfleet-send-at must be a moment with its time zone, such as 2026-12-31T23:59:59Z',
    ],
    ['X-Postfleet-Expire-After: 59', 'x-postfleet-expire-after must be at least 60'],
    ['X-Postfleet-Expire-After: 1e3', 'x-postfleet-expire-after must be a whole number of seconds'],
    ['X-Postfleet-Expire-After: -1', 'x-postfleet-expire-after must be a whole number of seconds'],
    ['X-Postfleet-Idempotency-Key: a b', 'x-postfleet-idempotency-key must be 1 to 255 visible ASCII characters'],
    ['X-Postfleet-Idempotency-Key:', 'x-postfleet-idempotency-key must be 1 to 255 visible ASCII characters'],
  ])('%j', (field, want) => {
    expect(of(field)).toBe(want);
  });

  test('also when it is there twice', () => {
    expect(read('X-Postfleet-Tags: a', 'x-postfleet-tags: a')).toEqual({
      kind: 'invalid',
      problem: 'x-postfleet-tags is there twice',
    });
  });
});

test.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'])(
  'A14 %s is ordinary text: an unknown instruction, a tag, a key, a name of metadata',
  (name) => {
    expect(of(`X-Postfleet-${name}: a`)).toMatch(/ is not a known field/);
    expect(of(`X-Postfleet-Tags: ${name}`)).toEqual({ labels: { tags: [name], metadata: {} } });
    expect(of(`X-Postfleet-Idempotency-Key: ${name}`)).toEqual({ key: name });
    // JSON parsers disagree about __proto__, so it is refused as in any other JSON.
    const metadata =
      name === '__proto__'
        ? 'x-postfleet-metadata must be a JSON object: it has a field __proto__'
        : { labels: { tags: [], metadata: { [name]: 'x' } } };
    expect(of(`X-Postfleet-Metadata: {"${name}":"x"}`)).toEqual(metadata);
    expect(Object.keys(Object.prototype)).toEqual([]);
  },
);

test('whatever a field says is read or refused in a sentence', () => {
  const name = fc.constantFrom('Tags', 'Metadata', 'Send-At', 'Expire-After', 'Idempotency-Key', 'Other');
  const value = fc.string({ unit: fc.constantFrom('a', '1', '{', '}', '"', ':', ',', ' ', 'T', 'Z', '-', '\u00e9') });
  fc.assert(
    fc.property(name, value, (field, text) => {
      const said = of(`X-Postfleet-${field}: ${text}`);
      const isSentence = typeof said === 'string' && /^x-postfleet-[a-z-]+ \S/.test(said);
      expect(isSentence || Object.keys(said).length <= 1).toBe(true);
    }),
  );
});
