import { Validator } from '@seriousme/openapi-schema-validator';
import { beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { asked } from '../../test/harness/asked.ts';
import type { Operated } from '../mail/operation.ts';
import type { Ledger } from '../settle/ledger/ledger.ts';
import { adminRoutes } from './admin.ts';
import { domainRoutes } from './admin-domains.ts';
import { insightRoutes } from './admin-insight.ts';
import { withDocument } from './admin-openapi.ts';
import { operationRoutes } from './admin-operations.ts';
import { suppressionRoutes } from './admin-suppressions.ts';
import { returnedRoutes } from './admin-returned.ts';

const clock = new FakeClock();
const DONE: Operated = { kind: 'done', done: { dryRun: false, recipients: 3, lanes: 2 } };

let done: [string, unknown][];
beforeEach(() => {
  done = [];
});

const act = (name: string) => async (it: unknown) => {
  done.push([name, it]);
  return DONE;
};

const routes = () =>
  withDocument([
    ...operationRoutes({
      clock,
      operations: {
        suspensions: async () => [],
        suspend: act('suspend'),
        resume: act('resume'),
        retry: act('retry'),
        bounce: act('bounce'),
        reroute: act('reroute'),
      },
      orders: { audit: async (most, before) => (done.push(['audit', [most, before]]), []) },
    }),
    ...adminRoutes({} as Parameters<typeof adminRoutes>[0]),
    ...insightRoutes({} as Parameters<typeof insightRoutes>[0]),
    ...returnedRoutes({} as Ledger),
    ...suppressionRoutes({} as Parameters<typeof suppressionRoutes>[0]),
    ...domainRoutes(async () => undefined),
  ]);

async function ask(method: string, path: string, body: unknown = '', query = '') {
  const route = routes().find((it) => it.method === method && it.path === path);
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await route?.handle(asked({ body: text, query }));
  return { status: answer?.status, said: JSON.parse(answer?.body ?? '{}') as { detail?: string } };
}

const post = (path: string, body: unknown) => ask('POST', path, body);

describe('what is asked to be done', () => {
  test('is done to what is named, by who says so', async () => {
    const body = { tenant: 'shop', domain: 'Dest.TEST', by: 'ann', why: 'blocklisted', forSeconds: 60 };
    expect(await post('/v1/suspend', body)).toEqual({ status: 200, said: DONE.kind === 'done' && DONE.done });
    const about = { tenant: 'shop', domain: 'dest.test' };
    const until = clock.now() + 60_000;
    expect(done).toEqual([['suspend', { about, why: 'blocklisted', by: 'ann', dryRun: false, until }]]);
  });

  test('is done to all mail only when that is said', async () => {
    expect(await post('/v1/suspend', { by: 'ann', why: 'x' })).toMatchObject({ status: 422 });
    expect(await post('/v1/resume', { by: 'ann', all: true, tenant: 'shop' })).toMatchObject({ status: 422 });
    expect(done).toEqual([]);
    expect(await post('/v1/resume', { by: 'ann', all: true })).toMatchObject({ status: 200 });
    expect(done).toEqual([['resume', { about: {}, by: 'ann', dryRun: false }]]);
  });

  test.each<[string, unknown, string]>([
    ['/v1/suspend', { tenant: 'shop', by: 'ann' }, 'why'],
    ['/v1/suspend', { tenant: 'shop', by: 'ann', why: 'x\u001b[2J' }, 'why must be one line of text'],
    ['/v1/suspend', { tenant: 'shop', by: 'ann', why: 'x', forSeconds: 0 }, 'forSeconds'],
    ['/v1/suspend', { tenat: 'shop', by: 'ann', why: 'x' }, 'tenant'],
    ['/v1/resume', { tenant: 'shop' }, 'by'],
    ['/v1/resume', [], ''],
  ])('%s refuses %j and names the field', async (path, body, word) => {
    const { status, said } = await post(path, body);
    expect(status).toBe(422);
    expect(said.detail).toContain(word);
    expect(done).toEqual([]);
  });

  test('of what waits is done once: tried now, bounced with a reason, or sent by another pool', async () => {
    const asking = { by: 'ann', dryRun: true };
    await post('/v1/retry', { message: '01m', ...asking });
    await post('/v1/bounce', { site: 'mx.dest.test', why: 'a wrong list', ...asking });
    await post('/v1/bounce', { site: 'mx.dest.test', why: 'a wrong list', report: false, ...asking });
    await post('/v1/reroute', { pool: 'default/main', to: 'default/warm', ...asking });
    expect(await post('/v1/reroute', { pool: 'default/main', ...asking })).toMatchObject({ status: 422 });
    const bounced = { about: { site: 'mx.dest.test' }, why: 'a wrong list', ...asking };
    expect(done).toEqual([
      ['retry', { about: { message: '01m' }, ...asking }],
      ['bounce', { ...bounced, report: true }],
      ['bounce', { ...bounced, report: false }],
      ['reroute', { about: { pool: 'default/main' }, to: 'default/warm', ...asking }],
    ]);
  });

  test('that is no JSON is refused', async () => {
    expect(await post('/v1/resume', '{"by":"a","by":"b"}')).toMatchObject({ status: 400 });
  });
});

test('the record is read in pages that are bounded', async () => {
  await ask('GET', '/v1/audit', '', 'limit=5&before=9');
  await ask('GET', '/v1/audit', '', 'limit=1000000&before=x');
  expect(done).toEqual([
    ['audit', [5, 9]],
    ['audit', [1000, undefined]],
  ]);
});

test('the OpenAPI document is valid and has every route', async () => {
  const { said } = await ask('GET', '/v1/openapi.json');
  const validator = new Validator();
  expect(await validator.validate(JSON.stringify(said, null, 2))).toEqual({ valid: true });
  const { paths } = said as { paths: Readonly<Record<string, object>> };
  const told = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((it) => `${it.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  );
  expect(told.toSorted()).toEqual(
    routes()
      .map((it) => `${it.method} ${it.path}`)
      .toSorted(),
  );
});
