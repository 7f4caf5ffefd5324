import { beforeEach, expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { asked } from '../../test/harness/asked.ts';
import { openTestStorage } from '../../test/harness/queue.ts';
import type { AuditEvent } from '../mail/audit.ts';
import { SqliteOrders } from '../settle/ledger/sqlite-orders.ts';
import { SqliteSuppressions } from '../settle/ledger/sqlite-suppressions.ts';
import type { AdminRoute } from './admin-route.ts';
import { suppressionRoutes } from './admin-suppressions.ts';

const openStorage = openTestStorage();
let routes: AdminRoute[];
let suppressions: SqliteSuppressions;
let recorded: AuditEvent[];

beforeEach(async () => {
  const clock = new FakeClock();
  const { database } = await openStorage(clock);
  suppressions = await SqliteSuppressions.open(database, clock);
  recorded = [];
  routes = suppressionRoutes({
    clock,
    suppressions,
    orders: new SqliteOrders(database, clock),
    isTenant: (name) => name === 'shop',
    recorded: (event) => recorded.push(event),
  });
});

async function ask(path: string, body: object = {}, query = '') {
  const answer = await routes.find((it) => it.path === path)?.handle(asked({ body: JSON.stringify(body), query }));
  return { status: answer?.status, said: JSON.parse(answer?.body ?? '{}') as Record<string, unknown> };
}

const WHO = { tenant: 'shop', by: 'ann' };

test('an address is suppressed, listed and let go, each change on record with who made it', async () => {
  const said = await ask('/v1/suppress', { ...WHO, subject: 'You@Dest.TEST', reason: 'complaint' });
  expect(said).toMatchObject({
    status: 200,
    said: { subject: 'You@dest.test', reason: 'complaint', source: 'operator' },
  });
  expect(await suppressions.match('shop', 'you@dest.test')).toMatchObject({ reason: 'complaint' });
  expect((await ask('/v1/suppressions', {}, 'tenant=shop')).said).toMatchObject({
    suppressions: [{ reason: 'complaint' }],
  });
  expect(await ask('/v1/unsuppress', { ...WHO, subject: 'you@dest.test' })).toMatchObject({ status: 200 });
  expect(await ask('/v1/unsuppress', { ...WHO, subject: 'you@dest.test' })).toMatchObject({ status: 404 });
  expect(await suppressions.match('shop', 'you@dest.test')).toBeUndefined();
  expect(recorded.map((it) => `${it.by} ${it.operation} ${it.stage} ${it.subject ?? ''} ${it.recipients}`)).toEqual([
    'ann suppress begun You@dest.test 0',
    'ann suppress done You@dest.test 1',
    'ann unsuppress begun you@dest.test 0',
    'ann unsuppress done you@dest.test 1',
    'ann unsuppress begun you@dest.test 0',
    'ann unsuppress done you@dest.test 0',
  ]);
});

test.each<[string, object, string]>([
  ['/v1/suppress', { ...WHO, tenant: 'shpo', subject: 'a@b.test' }, 'nothing is declared for a tenant shpo'],
  ['/v1/suppress', { ...WHO, subject: 'a@' }, 'subject: '],
  ['/v1/suppress', { ...WHO, subject: 'a@b.test', expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt has passed'],
  ['/v1/suppress', { ...WHO, subject: 'a@b.test', reason: 'because' }, 'reason'],
  ['/v1/unsuppress', { tenant: 'shop', subject: 'a@b.test' }, 'by'],
])('%s refuses %j, and nothing is recorded', async (path, body, words) => {
  const { status, said } = await ask(path, body);
  expect(status).toBe(422);
  expect(said['detail']).toContain(words);
  expect(recorded).toEqual([]);
});
