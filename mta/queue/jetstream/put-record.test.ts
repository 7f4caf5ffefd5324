import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Outgoing } from '#lib/nats/connection.ts';
import { MESSAGE_ID } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import { aMessage } from '../../../test/harness/queue.ts';
import type { Message } from '../../mail/message.ts';
import { decodeMessage } from '../codec.ts';
import { layoutOf, shardsOf } from './layout.ts';
import { decodePut, encodePut, type Pieces } from './put-record.ts';
import { runs } from '../../../test/harness/runs.ts';

/** What the server keeps of messages that are appended from a sequence on. */
const stored = (messages: readonly Outgoing[], from: number): Stored[] =>
  messages.map(({ subject, headers, payload }, at) => ({
    seq: from + at,
    subject,
    header: (name) => headers[name] ?? '',
    payload: Buffer.from(payload),
  }));

/** What a shard's holder reads of a message. */
function readBack(log: readonly Stored[], record: Stored): Message {
  const of = ({ first, count }: Pieces): Buffer =>
    Buffer.concat(log.filter((it) => it.seq >= first && it.seq < first + count).map((it) => it.payload));
  const { envelope, body, payload, size } = decodePut(record);
  const raw = body ? of(body) : payload;
  expect(raw.length).toBe(size);
  return decodeMessage(typeof envelope === 'string' ? envelope : of(envelope).toString(), raw);
}

/** Bytes are compared as a whole: one by one takes seconds. */
function expectSame({ raw, ...found }: Message, { raw: wanted, ...message }: Message): void {
  expect(found).toEqual(message);
  expect(raw.equals(wanted)).toBe(true);
}

const sizes = fc.constantFrom(0, 1, 1000, 256 * 1024, 256 * 1024 + 1, 512 * 1024, 512 * 1024 + 1, 3_000_000);
const recipients = fc.array(fc.stringMatching(/^[a-z]{1,8}@[a-z]{1,3}\.test$/), { minLength: 1, maxLength: 40 });

test('every holder reads a message as it was put, whatever its size and wherever it lies in the log', () => {
  fc.assert(
    fc.property(sizes, recipients, fc.integer({ min: 1, max: 64 }), fc.nat(10 ** 9), (size, to, shards, before) => {
      const layout = layoutOf('q', shards);
      const message = aMessage({ recipients: to, raw: Buffer.alloc(size, 'x'), sender: 'ü"@example.com' });
      const log = stored(encodePut(message, layout), before + 1);
      const wanted = shardsOf(message, shards);
      const records = log.slice(-wanted.length);
      expect(records.map((it) => it.subject)).toEqual(wanted.map((it) => layout.inOf(it)));
      expect(records.map((it) => it.header(MESSAGE_ID))).toEqual(wanted.map((it) => `${message.id}.${it}`));
      for (const record of records) expectSame(readBack(log, record), message);
    }),
    { numRuns: runs(100) },
  );
});

test('an envelope that is too long for a header lies before the record, and no message is larger than the server takes', () => {
  const to = Array.from({ length: 4000 }, (_, at) => `${'r'.repeat(50)}${at}@d${at % 30}.test`);
  const message = aMessage({ recipients: to, raw: Buffer.alloc(1_000_000, 'x') });
  const layout = layoutOf('q', 64);
  const log = stored(encodePut(message, layout), 7);
  const records = log.filter((it) => it.subject.includes('.in.'));
  expect(records).toHaveLength(shardsOf(message, 64).length);
  for (const record of records) expectSame(readBack(log, record), message);
  expect(Math.max(...log.map((it) => it.payload.length))).toBeLessThanOrEqual(512 * 1024);
});

test.each([
  ['no size', {}],
  ['a size that is none', { Size: '-1' }],
  ['a place that is none', { Size: '1', 'Body-Pieces': '1 x' }],
])('a record with %s is unreadable', (_, headers) => {
  const [record] = stored([{ subject: 'q.in.0', headers, payload: Buffer.alloc(0) }], 1);
  expect(() => record && decodePut(record)).toThrow(expect.objectContaining({ code: 'record-unreadable' }));
});

test('the shard of a domain never changes, and shards get equal parts', () => {
  const layout = layoutOf('q', 64);
  const known = ['gmail.com', 'example.com', 'dest.test'].map((it) => shardsOf({ recipients: [`a@${it}`] }, 64));
  expect(known).toEqual([[18], [31], [11]]);
  const counts = Array.from({ length: layout.shards }, () => 0);
  for (let at = 0; at < 64_000; at += 1) {
    const [shard = 0] = shardsOf({ recipients: [`a@domain-${at}.test`] }, 64);
    counts[shard] = (counts[shard] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(800);
  expect(Math.max(...counts)).toBeLessThan(1200);
});
