import { expect, it } from 'vitest';
import { isGreeted } from './client-hello.ts';

const record = (length: number, sent: number): Buffer =>
  Buffer.concat([Buffer.from([22, 3, 1, length >> 8, length & 255]), Buffer.alloc(sent)]);

it.each<[string, Buffer, boolean]>([
  ['nothing', Buffer.alloc(0), false],
  ['a part of a record header', Buffer.from([22, 3, 1, 0]), false],
  ['a record but for its last byte', record(512, 511), false],
  ['a record', record(512, 512), true],
  ['a record and more', record(512, 600), true],
  ['a record longer than any', record(16_385, 0), true],
  ['a command in clear', Buffer.from('E'), true],
])('%s: TLS may be set up: %#', (_, bytes, is) => {
  expect(isGreeted(bytes)).toBe(is);
});
