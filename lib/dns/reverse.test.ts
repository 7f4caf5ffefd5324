import { expect, test } from 'vitest';
import type { Lookup } from './lookup.ts';
import type { Question } from './message.ts';
import { reverseName, reverseOf } from './reverse.ts';

test.each([
  ['192.0.2.1', '1.2.0.192.in-addr.arpa'],
  ['2001:db8::1', '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa'],
  ['::', `${Array.from({ length: 32 }, () => '0').join('.')}.ip6.arpa`],
  ['1:2:3:4:5:6:7:8', '8.0.0.0.7.0.0.0.6.0.0.0.5.0.0.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.ip6.arpa'],
])('%s has its name at %s', (address, name) => {
  expect(reverseName(address)).toBe(name);
});

const MINE = '1.2.0.192.in-addr.arpa PTR';

/** What is said, by `name TYPE`; `?` cannot be said, and what is not there does not exist. */
const saying =
  (table: Readonly<Record<string, string>>) =>
  async ({ name, type }: Question): Promise<Lookup> => {
    const said = table[`${name} ${type}`];
    if (said === '?') return { kind: 'temporary', reason: 'timeout' };
    if (said === undefined) return { kind: 'no-such-name', ttl: 0, isAuthenticated: false };
    const records = said.split(' ').map((data) => ({ name, type, ttl: 0, data, preference: 0 }));
    return { kind: 'found', records, ttl: 0, isAuthenticated: false, bytes: 0 };
  };

test.each<[table: Record<string, string>, kind: string, name: string | undefined]>([
  [{}, 'nameless', undefined],
  [{ [MINE]: 'no_host <b>localhost' }, 'nameless', undefined],
  [{ [MINE]: '?' }, 'unknown', undefined],
  [{ [MINE]: 'mx.example.net' }, 'unconfirmed', 'mx.example.net'],
  [{ [MINE]: 'mx.example.net', 'mx.example.net A': '192.0.2.2' }, 'unconfirmed', 'mx.example.net'],
  [{ [MINE]: 'mx.example.net', 'mx.example.net A': '192.0.2.2 192.0.2.1' }, 'confirmed', 'mx.example.net'],
  [{ [MINE]: 'a.example b.example', 'b.example A': '192.0.2.1' }, 'confirmed', 'b.example'],
  [{ [MINE]: 'a.example b.example', 'b.example A': '?', 'b.example AAAA': '?' }, 'unknown', undefined],
])('of what is said in %j an address is %s', async (table, kind, name) => {
  expect(await reverseOf('192.0.2.1', saying(table))).toMatchObject({ kind, ...(name !== undefined && { name }) });
});

test('an IPv6 address is known in whatever form it is said', async () => {
  const [at, host] = [reverseName('2001:db8::1'), 'mx.example.net'];
  const lookUp = saying({ [`${at} PTR`]: host, [`${host} AAAA`]: '2001:db8:0:0:0:0:0:1' });
  expect(await reverseOf('2001:db8::1', lookUp)).toEqual({ kind: 'confirmed', name: host });
});
