import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DsnRequest, Notification } from '../mail/dsn-request.ts';
import type { Message } from '../mail/message.ts';
import { decodeMessage, encodeEnvelope } from './codec.ts';

const wishes = fc.record(
  {
    notify: fc.constantFrom<readonly Notification[]>(['NEVER'], ['SUCCESS', 'DELAY'], ['FAILURE']),
    orcpt: fc.string(),
  },
  { requiredKeys: [] },
);
const dsn: fc.Arbitrary<DsnRequest> = fc.record(
  { ret: fc.constantFrom('FULL' as const, 'HDRS' as const), envid: fc.string(), recipients: fc.array(wishes) },
  { requiredKeys: ['recipients'] },
);

const written = fc.record({
  id: fc.string(),
  acceptedAt: fc.nat(),
  expiresAt: fc.nat(),
  tenant: fc.string(),
  credential: fc.string(),
  domain: fc.string(),
  pool: fc.string(),
  via: fc.constantFrom('smtp' as const, 'http' as const, 'system' as const),
  sender: fc.string(),
  body: fc.constantFrom('7BIT' as const, '8BITMIME' as const),
  recipients: fc.array(fc.string(), { minLength: 1 }),
  raw: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
});

const messages: fc.Arbitrary<Message> = fc.oneof(
  written,
  fc.tuple(written, dsn).map(([message, asked]) => Object.assign(message, { dsn: asked, utf8: true as const })),
);

test('what was written is read', () => {
  fc.assert(
    fc.property(messages, (it) => {
      expect(decodeMessage(encodeEnvelope(it), it.raw)).toEqual(it);
    }),
  );
});

test('a record of another version is a fault, not a guess', () => {
  expect(() => decodeMessage('{"v":2}', Buffer.alloc(0))).toThrow('format version 2');
});

test('a damaged record is a fault that says so', () => {
  expect(() => decodeMessage('{"v":1,', Buffer.alloc(0))).toThrow('damaged');
});

// Written by format 1 when it was made: every later release must read it.
test('the first format is read for ever', () => {
  const recorded =
    '{"v":1,"id":"01m804kbq61h2td7vkqgy132c2","acceptedAt":1795301158630,"expiresAt":1795560358630,"tenant":"default",' +
    '"credential":"default.app","domain":"example.com","pool":"default/main","via":"smtp","sender":"hello@example.com",' +
    '"body":"7BIT","recipients":["you@demo.test"]}';
  expect(decodeMessage(recorded, Buffer.from('x'))).toMatchObject({ recipients: ['you@demo.test'], via: 'smtp' });
  expect(decodeMessage(recorded, Buffer.from('x'))).not.toHaveProperty('dsn');
});
