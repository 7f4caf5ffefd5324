import { expect, test } from 'vitest';
import { listingOf } from './blocklist.ts';
import type { Lookup, LookUp } from './lookup.ts';

const LIST = 'bl.example';
const LISTED = '2.2.0.192.bl.example';
const CONTROL = '1.0.0.127.bl.example';

/** A name server that has these addresses of names; of none it says that the name is not there, `down` that it cannot say. */
const serving =
  (zone: Readonly<Record<string, string>>): LookUp =>
  async ({ name, type }): Promise<Lookup> => {
    const data = zone[name];
    if (data === 'down') return { kind: 'temporary', reason: 'timeout' };
    if (data === undefined || type !== 'A') return { kind: 'no-such-name', ttl: 0, isAuthenticated: false };
    const records = [{ name, type, ttl: 0, data, preference: 0 }];
    return { kind: 'found', records, ttl: 0, isAuthenticated: false, bytes: 0 };
  };

test.each([
  ['a list that has it', { [LISTED]: '127.0.0.2' }, 'listed'],
  ['a list that does not have it', {}, 'not-listed'],
  ['a list that cannot be asked', { [LISTED]: 'down' }, 'unknown'],
  ['a list that does not serve this resolver', { [LISTED]: '127.255.255.254' }, 'unknown'],
  ['a name that somebody sells', { [LISTED]: '203.0.113.7' }, 'unknown'],
  ['a list that has everything', { [LISTED]: '127.0.0.2', [CONTROL]: '127.0.0.2' }, 'unknown'],
  ['a list whose control cannot be asked', { [LISTED]: '127.0.0.2', [CONTROL]: 'down' }, 'unknown'],
])('%s', async (_, zone, kind) => {
  expect((await listingOf('192.0.2.2', LIST, serving(zone))).kind).toBe(kind);
});

test('an IPv6 address is asked for by its digits', async () => {
  const digits = `${'1'.padEnd(24, '0')}8bd01002`;
  const name = `${Array.from(digits).join('.')}.${LIST}`;
  expect((await listingOf('2001:db8::1', LIST, serving({ [name]: '127.0.0.2' }))).kind).toBe('listed');
});
