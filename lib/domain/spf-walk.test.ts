import { spf } from 'mailauth/lib/spf/index.js';
import { describe, expect, test } from 'vitest';
import { FakeDns, type Table } from '../../test/harness/fake-dns.ts';
import { walkSpf } from './spf-walk.ts';

const HOST = 'bounce.example.com';
const POOL = { kind: 'host', host: 'spf.pool.test' } as const;
const address = (it: string) => ({ kind: 'address', address: it }) as const;
const at = (name: string, ...texts: string[]): Table => ({ [`${name} TXT`]: texts });
const own = (text: string): Table => at(HOST, text);

const chain = (length: number, end: string): Table =>
  Object.assign(
    own('v=spf1 include:c1.test -all'),
    ...Array.from({ length }, (_, n) =>
      at(`c${n + 1}.test`, n + 1 === length ? `v=spf1 ${end}` : `v=spf1 include:c${n + 2}.test`),
    ),
  ) as Table;

describe('the host of a pool passes', () => {
  test.each([
    ['included', own('v=spf1 include:spf.pool.test -all'), 'pass'],
    ['included in capitals', own('v=spf1 include:SPF.Pool.Test -all'), 'pass'],
    ['the target of a redirect', own('v=spf1 redirect=spf.pool.test'), 'pass'],
    [
      'behind another include',
      { ...own('v=spf1 include:a.test -all'), ...at('a.test', 'v=spf1 include:spf.pool.test') },
      'pass',
    ],
    [
      'behind a redirect',
      { ...own('v=spf1 redirect=a.test'), ...at('a.test', 'v=spf1 include:spf.pool.test ~all') },
      'pass',
    ],
    ['after nine others', chain(9, 'include:spf.pool.test'), 'pass'],
    ['not when it is the eleventh', chain(10, 'include:spf.pool.test'), 'broken'],
    ['not in a loop', { ...own('v=spf1 include:a.test'), ...at('a.test', 'v=spf1 include:a.test') }, 'broken'],
    ['not after all', own('v=spf1 -all include:spf.pool.test'), 'fail'],
    ['not with a minus', own('v=spf1 -include:spf.pool.test ~all'), 'fail'],
    ['not when nothing says so', own('v=spf1 ip4:192.0.2.1 ~all'), 'softfail'],
    ['not with a macro', own('v=spf1 include:%{d}.pool.test ?all'), 'neutral'],
    ['not without a record', {}, 'none'],
    ['not beside a second record', at(HOST, 'v=spf1 include:spf.pool.test', 'v=spf1 -all'), 'broken'],
    ['not after an include that leads nowhere', own('v=spf1 include:gone.test include:spf.pool.test'), 'broken'],
    ['nobody knows while DNS is silent', { ...own('v=spf1 include:a.test -all'), 'a.test TXT': 'silent' }, 'unknown'],
  ] as const)('%s', async (_, table: Table, kind) => {
    expect(await walkSpf(HOST, POOL, new FakeDns(table))).toMatchObject({ kind });
  });
});

const NET = { ...at('net.test', 'v=spf1 ip4:198.51.100.0/24 -all'), 'mx.test A': ['192.0.2.9', '2001:db8::9'] };
const CASES: readonly (readonly [record: string, from: string, kind: string, more: Table])[] = [
  ['v=spf1 ip4:192.0.2.1 -all', '192.0.2.1', 'pass', {}],
  ['v=spf1 ip4:192.0.2.1 -all', '192.0.2.2', 'fail', {}],
  ['v=spf1 ip4:192.0.2.0/24 ~all', '192.0.2.77', 'pass', {}],
  ['v=spf1 ip4:192.0.2.0/24 ~all', '192.0.3.1', 'softfail', {}],
  ['v=spf1 ip6:2001:db8::/32 -all', '2001:db8::5', 'pass', {}],
  ['v=spf1 ip6:2001:db8::/32 -all', '2001:db9::5', 'fail', {}],
  ['v=spf1 include:net.test -all', '198.51.100.4', 'pass', {}],
  ['v=spf1 include:net.test ?all', '192.0.2.1', 'neutral', {}],
  ['v=spf1 redirect=net.test', '198.51.100.4', 'pass', {}],
  ['v=spf1 redirect=net.test', '192.0.2.1', 'fail', {}],
  ['v=spf1 a:mx.test -all', '192.0.2.9', 'pass', {}],
  ['v=spf1 a:mx.test/24 -all', '192.0.2.77', 'pass', {}],
  ['v=spf1 a:mx.test -all', '2001:db8::9', 'pass', {}],
  ['v=spf1 mx -all', '192.0.2.9', 'pass', { [`${HOST} MX`]: ['10 mx.test'] }],
  ['v=spf1 mx -all', '192.0.2.1', 'fail', { [`${HOST} MX`]: ['10 mx.test'] }],
  ['v=spf1 -ip4:192.0.2.1 +all', '192.0.2.1', 'fail', {}],
  ['v=spf1 +all', '192.0.2.1', 'pass', {}],
  ['v=spf1', '192.0.2.1', 'neutral', {}],
];

describe('an address', () => {
  test.each(CASES)('by %s, %s is: %s', async (record, from, kind, more) => {
    const table = { ...NET, ...own(record), ...more };
    expect(await walkSpf(HOST, address(from), new FakeDns(table))).toEqual({ kind });
    expect(await asMailauthSays(table, from)).toBe(kind);
  });
});

/** The reference implementation, on the same table. */
async function asMailauthSays(table: Table, ip: string): Promise<string> {
  const resolver = async (name: string, type: string): Promise<unknown> => {
    const all = table[`${name} ${type === 'AAAA' ? 'A' : type}`];
    if (all === undefined || all === 'silent') throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    if (type === 'TXT') return all.map((it) => [it]);
    if (type === 'MX') return all.map((it) => ({ priority: 10, exchange: it.split(' ')[1] }));
    return all.filter((it) => it.includes(':') === (type === 'AAAA'));
  };
  const { status } = (await spf({ sender: `a@${HOST}`, ip, helo: 'x.test', mta: 'mta.test', resolver } as never)) as {
    status: { result: string };
  };
  return status.result;
}
