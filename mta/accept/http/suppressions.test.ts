import { describe, expect, test } from 'vitest';
import { hours } from '#lib/run/clock.ts';
import { tokenOf } from '#lib/keyring/verifier.ts';
import { ask, openTestApi, type OpenedApi, submit } from '../../../test/harness/api.ts';

const open = openTestApi();
const PATH = '/v1/suppressions';
const CSV = 'text/csv';
const list = async (opened: OpenedApi, user = 'default.app', query = ''): Promise<unknown> =>
  (await ask(opened, `${PATH}${query}`, { method: 'GET', user })).said['suppressions'];

const put = (opened: OpenedApi, subject: string, body?: object) =>
  ask(opened, `${PATH}/${encodeURIComponent(subject)}`, { method: 'PUT', ...(body && { body }) });

async function exported(opened: OpenedApi): Promise<string> {
  const headers = { authorization: `Bearer ${tokenOf('default.app', 'right')}`, accept: CSV };
  const response = await fetch(`${opened.server.url}${PATH}`, { headers });
  expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
  return response.text();
}

const CREATED = { source: 'api', createdAt: '2026-01-01T00:00:00.000Z' };

describe('one suppression', () => {
  test('is written, shown, replaced and removed by its address or domain', async () => {
    const opened = await open();
    const expiresAt = '2026-01-02T00:00:00Z';
    const entry = { address: 'Ann@dest.test', reason: 'complaint', ...CREATED, expiresAt: '2026-01-02T00:00:00.000Z' };
    expect(await put(opened, 'Ann@dest.test', { reason: 'complaint', expiresAt })).toMatchObject({
      status: 200,
      said: entry,
    });
    const path = `${PATH}/ANN%40DEST.test`;
    expect((await ask(opened, path, { method: 'GET' })).said).toEqual(entry);
    expect((await put(opened, 'dest.test')).said).toEqual({ domain: 'dest.test', reason: 'manual', ...CREATED });
    await put(opened, 'ann@dest.test');
    expect((await ask(opened, path, { method: 'DELETE' })).said).toEqual({
      address: 'ann@dest.test',
      reason: 'manual',
      ...CREATED,
    });
    for (const method of ['GET', 'DELETE']) expect((await ask(opened, path, { method })).status).toBe(404);
    expect(await list(opened)).toEqual([{ domain: 'dest.test', reason: 'manual', ...CREATED }]);
  });

  test.each([
    ['an unknown reason', 'a@b.test', { reason: 'because' }, '/reason'],
    ['an unknown field', 'a@b.test', { reasons: 'manual' }, '/reasons'],
    ['a moment that has passed', 'a@b.test', { expiresAt: '2025-12-31T00:00:00Z' }, '/expiresAt'],
    ['a moment without a time zone', 'a@b.test', { expiresAt: '2027-01-01' }, '/expiresAt'],
    ['no address', 'a@', {}, '/address'],
    ['no domain', 'b', {}, '/domain'],
    ['another address than its path', 'a@b.test', { address: 'c@b.test' }, ''],
    ['both', 'a@b.test', { domain: 'b.test' }, ''],
  ])('with %s is refused with the place', async (_, subject, body, pointer) => {
    const opened = await open();
    const { status, said } = await put(opened, subject, body);
    expect([status, said['errors']]).toEqual([422, [{ pointer, detail: expect.any(String) }]]);
    expect(await list(opened)).toEqual([]);
  });

  test('may have the longest address there is', async () => {
    const opened = await open();
    const address = `${'a'.repeat(64)}@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.test`;
    expect((await put(opened, address)).status).toBe(200);
  });
});

describe('B10 a suppression is found by every form of its address', () => {
  test.each(['ann@dest.test', 'ANN@DEST.TEST', '"ann"@dest.test'])('%s', async (form) => {
    const opened = await open();
    await put(opened, 'Ann@Dest.test');
    const path = `${PATH}/${encodeURIComponent(form)}`;
    expect((await ask(opened, path, { method: 'GET' })).status).toBe(200);
    expect(await list(opened, 'default.app', `?address=${encodeURIComponent(form)}`)).toHaveLength(1);
    expect((await ask(opened, path, { method: 'DELETE' })).status).toBe(200);
  });
});

describe('suppressions', () => {
  test('are for a credential with their scope, and no tenant meets another’s', async () => {
    const opened = await open();
    await put(opened, 'ann@dest.test');
    for (const [method, path] of [
      ['GET', PATH],
      ['POST', PATH],
      ['GET', `${PATH}/ann@dest.test`],
      ['PUT', `${PATH}/ann@dest.test`],
      ['DELETE', `${PATH}/ann@dest.test`],
    ] as const) {
      expect((await ask(opened, path, { method, user: 'default.submit' })).status).toBe(403);
      expect((await ask(opened, path, { method, secret: 'wrong' })).status).toBe(401);
    }
    expect(await list(opened, 'shop.other')).toEqual([]);
    expect((await ask(opened, `${PATH}/ann@dest.test`, { method: 'DELETE', user: 'shop.other' })).status).toBe(404);
    expect(await list(opened)).toHaveLength(1);
  });

  test('are listed page by page', async () => {
    const opened = await open();
    const entries = Array.from({ length: 7 }, (_, at) => ({ address: `a${at}@dest.test` }));
    expect((await ask(opened, PATH, { body: entries })).said).toEqual({ count: 7 });
    const seen: unknown[] = [];
    let after = '';
    for (let pages = 0; pages < 3; pages += 1) {
      const { said } = await ask(opened, `${PATH}?limit=3&after=${encodeURIComponent(after)}`, { method: 'GET' });
      seen.push(...(said['suppressions'] as { address: string }[]).map(({ address }) => ({ address })));
      after = String(said['next']);
    }
    expect([seen, after]).toEqual([entries, 'undefined']);
  });

  test.each(['?limit=0', '?limit=1001', '?limit=x', '?address=nobody@'])('refuse %s', async (query) => {
    expect((await ask(await open(), `${PATH}${query}`, { method: 'GET' })).status).toBe(422);
  });

  test('say by their domain too what keeps mail from an address', async () => {
    const opened = await open();
    await put(opened, 'dest.test');
    expect(await list(opened, 'default.app', '?address=ann@dest.test')).toMatchObject([{ domain: 'dest.test' }]);
    expect(await list(opened, 'default.app', '?address=ann@else.test')).toEqual([]);
  });

  test('come all or not at all, each mistake with its place', async () => {
    const opened = await open();
    const body = [{ address: 'a@b.test' }, { address: 'a@' }, {}, { domain: 'b.test', extra: 1 }];
    const { status, said } = await ask(opened, PATH, { body });
    expect(status).toBe(422);
    expect((said['errors'] as { pointer: string }[]).map((it) => it.pointer)).toEqual(['/1/address', '/2', '/3/extra']);
    expect(await list(opened)).toEqual([]);
  });

  test.each([[{}], [[]], ['[']])('refuse what is no list: %j', async (body) => {
    expect((await ask(await open(), PATH, { body })).status).toBeGreaterThanOrEqual(400);
  });

  test('that cannot be written are not answered for', async () => {
    const opened = await open();
    await opened.storage.database.write([{ sql: 'ALTER TABLE suppression RENAME TO away', params: [] }]);
    const { status } = await put(opened, 'ann@dest.test');
    await opened.storage.database.write([{ sql: 'ALTER TABLE away RENAME TO suppression', params: [] }]);
    expect(status).toBe(503);
    expect(opened.changes).toEqual([]);
  });

  test('tell of each change: what, how many, by whom', async () => {
    const opened = await open();
    await put(opened, 'ann@dest.test');
    await ask(opened, PATH, { type: CSV, body: 'address\nbob@dest.test\neve@dest.test\n' });
    await ask(opened, `${PATH}/Ann@dest.test`, { method: 'DELETE' });
    const who = { tenant: 'default', by: 'default.app' };
    expect(opened.changes).toEqual([
      { change: 'suppressed', ...who, count: 1, subject: 'ann@dest.test' },
      { change: 'imported', ...who, count: 2 },
      { change: 'unsuppressed', ...who, count: 1, subject: 'ann@dest.test' },
    ]);
  });
});

describe('a list in CSV', () => {
  const HEADER = 'address,domain,reason,source,createdAt,expiresAt\r\n';

  test('is imported, exported, and imported again', async () => {
    const opened = await open();
    const body = 'expiresAt,reason,address,domain\n2026-01-02T00:00:00Z,complaint,"Ann@dest.test",\n,,,dest.test\n';
    expect((await ask(opened, PATH, { type: CSV, body })).said).toEqual({ count: 2 });
    const text = await exported(opened);
    expect(text).toBe(
      `${HEADER}Ann@dest.test,,complaint,import,2026-01-01T00:00:00.000Z,2026-01-02T00:00:00.000Z\r\n` +
        ',dest.test,manual,import,2026-01-01T00:00:00.000Z,\r\n',
    );
    opened.clock.advance(hours(1));
    expect((await ask(opened, PATH, { type: CSV, body: text })).said).toEqual({ count: 2 });
    expect(await exported(opened)).toBe(text);
  });

  test('of more entries than a page has is exported whole', async () => {
    const opened = await open();
    const body = `address\n${Array.from({ length: 2500 }, (_, at) => `a${at}@dest.test\n`).join('')}`;
    expect((await ask(opened, PATH, { type: CSV, body })).said).toEqual({ count: 2500 });
    expect((await exported(opened)).split('\r\n')).toHaveLength(2502);
  });

  test('with mistakes changes nothing, and says every wrong line', async () => {
    const opened = await open();
    const body = 'address,reason\na@b.test,\nb@,\n\n"c@b.test",why\nd@b.test\ne@b.test,manual\n';
    const { status, said } = await ask(opened, PATH, { type: CSV, body });
    expect([status, said['errors']]).toEqual([
      422,
      [
        { line: 3, detail: 'address The domain is missing.' },
        { line: 5, detail: expect.stringContaining('reason must be') },
        { line: 6, detail: 'the row has more or fewer columns than the first one' },
      ],
    ]);
    expect(await list(opened)).toEqual([]);
  });

  test.each(['', 'email\na@b.test\n', 'address,expires\n', 'address,address\n', 'a@b.test\nc@d.test\n', 'reason\n'])(
    'whose first row names no columns of ours is refused: %j',
    async (body) => {
      const { status, said } = await ask(await open(), PATH, { type: CSV, body });
      expect([status, said['errors']]).toEqual([422, [{ line: 1, detail: expect.stringContaining('first row') }]]);
    },
  );

  test('with nothing but mistakes ends after a hundred', async () => {
    const { said } = await ask(await open(), PATH, { type: CSV, body: `address\n${'x@\n'.repeat(5000)}` });
    expect(said['errors']).toHaveLength(100);
  });

  test('may not be longer than four megabytes', async () => {
    const body = `address\n${'a@b.test\n'.repeat(500_000)}`;
    expect((await ask(await open(), PATH, { type: CSV, body })).status).toBe(413);
  });
});

describe('a message', () => {
  const to = ['ann', 'bob'].map((name) => ({ address: `${name}@dest.test` }));

  test('goes to those who are not suppressed, and its answer lists the others', async () => {
    const opened = await open();
    await put(opened, 'Ann@dest.test', { reason: 'complaint' });
    const { status, said } = await submit(opened, { to });
    expect(status).toBe(202);
    expect(said).toMatchObject({
      recipients: [{ id: `${String(said['id'])}-0`, address: 'bob@dest.test' }],
      suppressed: [{ address: 'ann@dest.test', reason: 'complaint' }],
    });
  });

  test('for nobody else is refused, with all of them', async () => {
    const opened = await open();
    await put(opened, 'dest.test');
    const { status, said } = await submit(opened, { to });
    expect([status, said['suppressed']]).toEqual([422, to.map((it) => ({ ...it, reason: 'manual' }))]);
  });

  test('by another tenant does not meet them', async () => {
    const opened = await open();
    await put(opened, 'dest.test');
    const { status, said } = await submit(opened, { from: { address: 'a@shop.example' }, to }, { user: 'shop.other' });
    expect([status, said['suppressed']]).toEqual([202, undefined]);
  });

  test('that comes too fast waits, and says for how long', async () => {
    const opened = await open();
    const slow = { user: 'default.slow' };
    expect((await submit(opened, {}, slow)).status).toBe(202);
    const { status, headers } = await submit(opened, {}, slow);
    expect([status, headers.get('retry-after')]).toEqual([429, '60']);
  });
});
