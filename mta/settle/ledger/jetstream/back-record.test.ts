import { expect, test } from 'vitest';
import type { Outgoing } from '#lib/nats/connection.ts';
import type { Stored } from '#lib/nats/stored.ts';
import { anEvent } from '../ledger.contract.ts';
import { decodeAbout, decodeReturned, encodeReturned, encodeStray } from './back-record.ts';
import { ledgerLayoutOf } from './layout.ts';

const layout = ledgerLayoutOf('q');
const COPY = Buffer.from('Subject: x\n\nbody\n\0');
const ID = '01m804kbq61h2td7vkqgy132ca';

const stored = ({ subject, headers, payload }: Outgoing): Stored => ({
  seq: 4,
  subject,
  header: (name) => headers[name] ?? '',
  payload: Buffer.from(payload),
});

test('events and the copy are read as they were written, and the header says what they are about', () => {
  const events = [anEvent(ID, 'returned', { recipient: 'A.nn+x@gmail.com', reply: 'é\n' }), anEvent(ID, 'complained')];
  const [record, ...more] = encodeReturned(events, COPY, layout, 'n').map(stored);
  if (!record) throw new Error('there is one');
  expect(more).toEqual([]);
  expect(decodeReturned(record)).toEqual({ events, copy: COPY });
  expect(decodeAbout(record)).toEqual({ kind: 'returned', message: ID, recipients: ['ann@gmail.com'] });
});

test('a great many are in several records, each with a header that the server takes', () => {
  const recipient = (at: number): string => `${'x'.repeat(60)}${at}@${'y'.repeat(60)}.test`;
  const events = Array.from({ length: 1000 }, (_, at) => anEvent(ID, 'returned', { recipient: recipient(at) }));
  const records = encodeReturned(events, COPY, layout, 'n').map(stored);
  expect(records.flatMap((it) => decodeReturned(it).events)).toEqual(events);
  for (const it of records) expect(it.header('About').length).toBeLessThan(32_000);
  expect(new Set(records.map((it) => it.header('Nats-Msg-Id'))).size).toBe(records.length);
});

test('of a stray everything but its bytes is in the header', () => {
  const stray = { tenant: 'shop', recipient: 'FBL@a.example', at: 5, host: 'mx', report: 'arf', copy: COPY } as const;
  const record = stored(encodeStray(stray, layout, 'n'));
  const { copy, ...about } = stray;
  expect(decodeAbout(record)).toEqual({ kind: 'stray', ...about, recipient: 'fbl@a.example' });
  expect(record.payload).toEqual(copy);
});

test.each(['', '{', '{"v":2}'])('%j says nothing, and is refused', (text) => {
  const record = { seq: 1, subject: 's', header: () => text, payload: Buffer.from(`${text.slice(0, 1)}\n`) };
  for (const decode of [decodeAbout, decodeReturned])
    expect(() => decode(record)).toThrow(expect.objectContaining({ code: 'record-unreadable' }));
});
