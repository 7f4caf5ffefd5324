import fc from 'fast-check';
import { expect, test } from 'vitest';
import { minutes } from '#lib/run/clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import type { Stored } from '#lib/nats/stored.ts';
import { anyText } from '../../../../test/harness/any-text.ts';
import { newMessageId } from '../../../mail/message.ts';
import { anEvent } from '../ledger.contract.ts';
import { decodeEvents, decodeReached, encodeEvents, encodeReached, mayTellOf, slotOf } from './event-record.ts';
import { ledgerLayoutOf } from './layout.ts';

const START = Date.UTC(2026, 0, 1);
const layout = ledgerLayoutOf('q');
const random = seededRandom(1);
const idAt = (at: number): string => newMessageId(at, random);

const stored = ({ subject, headers, payload }: Outgoing, seq = 1): Stored => ({
  seq,
  subject,
  header: (name) => headers[name] ?? '',
  payload: Buffer.from(payload),
});

test('events are found by their message, in their order, in records that the server takes', () => {
  const ids = Array.from({ length: 20 }, (_, at) => idAt(START + minutes(7 * at)));
  const event = fc.record({ of: fc.nat(19), index: fc.nat(3), reply: anyText({ maxLength: 20 }) });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (list) => {
      const events = list.map(({ of, ...more }) => anEvent(ids[of] ?? '', 'deferred', more));
      const records = encodeEvents(events, layout).map((it) => stored(it));
      for (const id of ids) {
        const own = records.filter((it) => it.subject === layout.eventsOf(slotOf(id)) && mayTellOf(it, id));
        const found = own.flatMap(decodeEvents).filter((it) => it.message === id);
        expect(found).toEqual(events.filter((it) => it.message === id));
      }
    }),
  );
});

test('a record has a thousand events at most, and its header is small', () => {
  const events = Array.from({ length: 2500 }, () => anEvent(idAt(START), 'queued'));
  const records = encodeEvents(events, layout).map((it) => stored(it));
  expect(records.map((it) => decodeEvents(it).length)).toEqual([1000, 1000, 500]);
  for (const it of records) expect(it.header('Messages').length).toBeLessThanOrEqual(4000);
});

test('of ten thousand messages that a record does not tell of hardly any seems to be in it', () => {
  const events = Array.from({ length: 1000 }, () => anEvent(idAt(START), 'queued'));
  const [record] = encodeEvents(events, layout).map((it) => stored(it));
  const others = Array.from({ length: 10_000 }, () => idAt(START));
  expect(others.filter((it) => record && mayTellOf(record, it)).length).toBeLessThan(10);
});

test.each(['', 'nonsense', '%', 'ZZZZZZZZZZZZ'])('what is no id has a place to look at all the same: %j', (id) => {
  expect(slotOf(id)).toBeGreaterThanOrEqual(0);
});

test('how far it goes is read as it was written; what is damaged says so', () => {
  expect(decodeReached(stored(encodeReached({ log: 7, done: 9 }, 3, layout)))).toEqual({ log: 7, done: 9 });
  const unreadable = expect.objectContaining({ code: 'record-unreadable' });
  const [record] = encodeEvents([anEvent(idAt(START), 'queued')], layout).map((it) => stored(it));
  if (!record) throw new Error('one event is one record');
  for (const text of ['', '{}', '{"v":2,"log":1,"done":1}', '{"v":1,"log":"1","done":1}'])
    expect(() => decodeReached({ ...record, payload: Buffer.from(text) })).toThrow(unreadable);
  expect(() => decodeEvents({ ...record, payload: Buffer.from('x') })).toThrow(unreadable);
  expect(() => decodeEvents({ ...record, header: () => '2' })).toThrow(unreadable);
});
