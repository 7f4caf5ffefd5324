import { expect, test } from 'vitest';
import type { Message } from '../../mail/message.ts';
import { Recent } from './recent.ts';

const message = (bytes: number): Message => ({
  id: '',
  acceptedAt: 0,
  expiresAt: 0,
  tenant: '',
  credential: '',
  domain: '',
  pool: '',
  via: 'smtp',
  sender: '',
  body: '7BIT',
  recipients: [],
  raw: Buffer.alloc(bytes),
});

test('the oldest go when the bytes run out, and nothing is counted twice', () => {
  const recent = new Recent(10_000);
  for (let no = 0; no < 100; no += 1) {
    recent.keep(no, message(2000));
    expect(recent.bytes).toBeLessThanOrEqual(10_000);
  }
  expect(recent.get(99)?.raw.length).toBe(2000);
  expect(recent.get(96)).toBeUndefined();
  for (let no = 0; no < 100; no += 1) recent.drop(no);
  expect(recent.bytes).toBe(0);
});

test('a message larger than everything is not kept', () => {
  const recent = new Recent(1000);
  recent.keep(1, message(5000));
  expect(recent.get(1)).toBeUndefined();
  expect(recent.bytes).toBe(0);
});

test('all that fits is kept, and the first of it is known', () => {
  const recent = new Recent(2 * (1000 + 1024));
  expect(recent.first).toBe(Number.MAX_SAFE_INTEGER);
  for (const no of [7, 8]) recent.keep(no, message(1000));
  expect([recent.first, recent.bytes]).toEqual([7, 2 * (1000 + 1024)]);
  recent.keep(9, message(1));
  expect([recent.first, recent.get(7)]).toEqual([8, undefined]);
  recent.drop(7);
  expect(recent.bytes).toBe(1000 + 1 + 2 * 1024);
});

test('a message that two shards keep counts once', () => {
  const recent = new Recent(10_000);
  recent.keep(1, message(2000));
  recent.keep(1, message(2000));
  expect(recent.bytes).toBe(2000 + 1024);
  recent.drop(1);
  expect([recent.bytes, recent.get(1)]).toEqual([0, undefined]);
});
