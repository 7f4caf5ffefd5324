import { expect, test } from 'vitest';
import { hours, seconds } from '#lib/run/clock.ts';
import { EXPECTED_LAST } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { Suppression } from '../../../mail/suppression.ts';
import { decodeFact, encodeFact, type Fact } from './fact.ts';
import { ledgerLayoutOf } from './layout.ts';

const NOW = Date.UTC(2026, 0, 1);
const layout = ledgerLayoutOf('q');
const entry: Suppression = { subject: 'é@b.test', reason: 'manual', source: '"x"\n', createdAt: NOW };
const used = { key: 'hour credential a.b', part: 7, count: 3, until: NOW + hours(1) };
const suspension = { id: 'a', about: {}, why: 'so', by: 'ann', at: NOW };
const event = { v: 1, at: NOW, by: 'ann', operation: 'retry', stage: 'done', about: {}, recipients: 3 } as const;

const storedAs = (fact: Fact): Stored => {
  const { subject, headers, payload } = encodeFact(fact, layout, NOW);
  return { seq: 1, subject, header: (name) => headers[name] ?? '', payload: Buffer.from(payload) };
};

const DAY = 24 * 3600;

test.each<[string, Fact, string | undefined]>([
  ['a suppression for ever', { kind: 'suppression', tenant: 'shop', key: 'k', entry }, undefined],
  [
    'one that expires, a day longer',
    { kind: 'suppression', tenant: 'shop', key: 'k', entry: { ...entry, expiresAt: NOW + seconds(60) } },
    `${60 + DAY}s`,
  ],
  ['that one is gone, thirty days', { kind: 'suppression', tenant: 'shop', key: 'k' }, `${30 * DAY}s`],
  ['a note, a day longer', { kind: 'note', key: 'k', note: { key: 'k', value: [1], until: NOW + 1 } }, `${DAY + 1}s`],
  ['that a note is gone, thirty days', { kind: 'note', key: 'k' }, `${30 * DAY}s`],
  ['a count, a day longer', { kind: 'used', writer: 'w', used }, `${3600 + DAY}s`],
  ['a suspension for ever', { kind: 'suspension', id: 'a', suspension }, undefined],
  ['that one has ended, thirty days', { kind: 'suspension', id: 'a' }, `${30 * DAY}s`],
  ['a record of who did what, for ever', { kind: 'audit', no: 100_007, write: 'w', event }, undefined],
])('the servers keep %s, and it is read as it was written', (_, fact, ttl) => {
  const stored = storedAs(fact);
  expect(decodeFact(stored)).toEqual(fact);
  expect(stored.header('Nats-TTL')).toBe(ttl ?? '');
  expect(stored.subject).toMatch(/^q\.fact\.[a-z]+\.[0-9a-f]+$/);
});

test('what ended long ago is kept for a second at least', () => {
  const fact: Fact = { kind: 'used', writer: 'w', used: { ...used, until: 5 } };
  expect(storedAs(fact).header('Nats-TTL')).toBe('1s');
});

test('a condition is said only where there is one', () => {
  const fact: Fact = { kind: 'note', key: 'k' };
  expect(encodeFact(fact, layout, NOW, 0).headers[EXPECTED_LAST]).toBe('0');
  expect(encodeFact(fact, layout, NOW).headers).not.toHaveProperty(EXPECTED_LAST);
});

test('tenants, writers and windows have subjects of their own, and records are in a ring', () => {
  const of = (fact: Fact): string => storedAs(fact).subject;
  const subjects = [
    of({ kind: 'suppression', tenant: 'a', key: 'b c' }),
    of({ kind: 'suppression', tenant: 'a b', key: 'c' }),
    of({ kind: 'used', writer: 'a', used }),
    of({ kind: 'used', writer: 'b', used }),
    of({ kind: 'used', writer: 'a', used: { ...used, part: 8 } }),
  ];
  expect(new Set(subjects).size).toBe(5);
  const record = (no: number): string => of({ kind: 'audit', no, write: 'w', event });
  expect([record(1), record(100_001), record(2)]).toEqual(['q.fact.audit.1', 'q.fact.audit.1', 'q.fact.audit.2']);
});

test.each(['', '{', '{"v":2,"kind":"note","key":"k"}', 'null'])('%j is no fact, and says so', (text) => {
  const stored = { ...storedAs({ kind: 'note', key: 'k' }), payload: Buffer.from(text) };
  expect(() => decodeFact(stored)).toThrow(expect.objectContaining({ code: 'record-unreadable' }));
});
