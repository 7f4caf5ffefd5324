import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EXPECTED_LAST } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import { anyText } from '../../../test/harness/any-text.ts';
import type { MailEvent } from '../../mail/event.ts';
import type { Change } from '../changes.ts';
import { beginIn, decodeDone, encodeDone, floorIn, holdingOf, writeOf } from './done-record.ts';

const FLOOR = { log: 7, done: 3 };
const BEGIN = { log: 9, done: 4 };

const event: MailEvent = {
  v: 1,
  at: 1,
  type: 'delivered',
  message: 'm',
  index: 0,
  tenant: 't',
  sender: 'a@b.c',
  recipient: 'ü@d.e',
  reply: '250 ok\n"',
  attempt: 1,
};

const saying = (reply: string): MailEvent => ({ ...event, reply });

const changes = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('intended' as const), entry: fc.nat() }),
    fc.record({
      kind: fc.constant('ended' as const),
      entry: fc.nat(),
      only: fc.boolean(),
      owed: fc.boolean(),
      event: anyText({ maxLength: 300 }).map(saying),
    }),
    fc.record({
      kind: fc.constant('moved' as const),
      move: fc.constant('retry' as const),
      entries: fc.array(fc.nat(), { maxLength: 2000 }),
      due: fc.nat(),
    }),
  ),
  { maxLength: 60 },
);

const keep = (list: readonly Change[], after: number, holding?: number): Stored[] =>
  encodeDone(list, { subject: 'q.done.0', write: 'w1', holding, after, floor: FLOOR, begin: BEGIN }).map(
    ({ subject, headers, payload }, at) => ({
      seq: after + 1 + at,
      subject,
      header: (name) => headers[name] ?? '',
      payload: Buffer.from(payload),
    }),
  );

test('changes are read as they were written, in records that the server takes, and only the first says what it follows', () => {
  fc.assert(
    fc.property(changes, fc.nat(), (list, after) => {
      const records = keep(list, after, 3);
      expect(records.flatMap(decodeDone)).toEqual(list);
      expect(records.map((it) => it.header(EXPECTED_LAST))).toEqual([`${after}`, ...records.slice(1).map(() => '')]);
      expect(Math.max(...records.map((it) => it.payload.length))).toBeLessThan(1_000_000);
      expect(records.map((it) => [writeOf(it), holdingOf(it)])).toEqual(records.map(() => ['w1', 3]));
      for (const it of records) expect([floorIn(it), beginIn(it)]).toEqual([FLOOR, BEGIN]);
    }),
  );
});

test('many changes are several records', () => {
  const moved: Change = {
    kind: 'moved',
    move: 'suspend',
    entries: Array.from({ length: 20_000 }, (_, at) => 10 ** 9 + at),
  };
  const records = keep([moved, moved, moved], 0);
  expect(records).toHaveLength(3);
  expect(records.flatMap(decodeDone)).toEqual([moved, moved, moved]);
});

test('a record of no changes says who holds the shard from then on', () => {
  const [record] = keep([], 41);
  expect(record && decodeDone(record)).toEqual([]);
  expect(record && holdingOf(record)).toBe(42);
});

test('a record of a release that does not say where to begin is begun with at its floor', () => {
  const header = (name: string): string => (name === 'Floor' ? '7 3' : '');
  expect(beginIn({ seq: 1, subject: 'q.done.0', header, payload: Buffer.alloc(0) })).toEqual(FLOOR);
});

test.each([
  ['of another version', '2', '{}\n'],
  ['that is damaged', '1', '{"kind":\n'],
])('a record %s is unreadable', (_, version, text) => {
  const record: Stored = { seq: 1, subject: 'q.done.0', header: () => version, payload: Buffer.from(text) };
  expect(() => decodeDone(record)).toThrow(expect.objectContaining({ code: 'record-unreadable' }));
});
