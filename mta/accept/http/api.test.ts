import { describe, expect, test } from 'vitest';
import { type Asking, ask, MESSAGE, openTestApi, type OpenedApi, PROBLEM, submit } from '../../../test/harness/api.ts';

const open = openTestApi();

describe('a message that is accepted', () => {
  test('is on disk, with an id for it and for each recipient', async () => {
    const opened = await open();
    const { status, said } = await submit(opened, {
      bcc: [{ address: 'c@dest.test' }],
      tags: ['t'],
      metadata: { k: 'v' },
    });
    const [message] = opened.told;
    const id = message?.id ?? '';
    expect([status, said]).toEqual([
      202,
      {
        id,
        recipients: [
          { id: `${id}-0`, address: 'b@dest.test' },
          { id: `${id}-1`, address: 'c@dest.test' },
        ],
      },
    ]);
    expect(message).toMatchObject({ via: 'http', sender: 'a@example.com', body: '7BIT' });
    const events = await opened.storage.events();
    expect(events.map((it) => [it.type, it.labels])).toEqual([
      ['queued', { tags: ['t'], metadata: { k: 'v' } }],
      ['queued', undefined],
    ]);
    const raw = message?.raw.toString() ?? '';
    expect(raw).toMatch(new RegExp(`^Message-ID: <${id}@example\\.com>\r$`, 'm'));
    expect(raw).toMatch(/^Date: Thu, 01 Jan 2026 00:00:00 \+0000\r$/m);
    expect(raw).toContain('with HTTP id');
    expect(raw).not.toContain('c@dest.test');
  });

  test('may come as it is, with its envelope in the query', async () => {
    const opened = await open();
    const body = 'From: a@example.com\r\nBcc: x@dest.test\r\n\r\nbody';
    const { status } = await ask(opened, '/v1/messages?to=b@dest.test&to=c@dest.test', {
      type: 'message/rfc822',
      body,
    });
    expect(status).toBe(202);
    expect(opened.told[0]?.recipients).toEqual(['b@dest.test', 'c@dest.test']);
    expect(opened.told[0]?.raw.toString()).toMatch(/From: a@example\.com\r\n\r\nbody\r\n$/);
  });
});

test('while the disk is low nothing is taken, and what became of mail is still told', async () => {
  const opened = await open();
  const id = String((await submit(opened)).said['id']);
  opened.space.isThere = false;
  const { status, headers } = await submit(opened);
  expect([status, headers.get('retry-after')]).toEqual([507, '30']);
  expect((await submit(opened, {}, { user: 'default.nobody' })).status).toBe(401);
  expect((await ask(opened, `/v1/messages/${id}`, { method: 'GET' })).status).toBe(200);
  opened.space.isThere = true;
  expect((await submit(opened)).status).toBe(202);
});

test('a body is counted for its sender, and there is none left of it when all is answered', async () => {
  const opened = await open();
  const other = opened.memory.hold(() => ['tenant default', 'credential default.app']);
  other.resize(499_000);
  expect((await submit(opened, { text: 'x'.repeat(5000) })).status).toBe(503);
  other.release();
  expect((await submit(opened, { text: 'x'.repeat(5000) })).status).toBe(202);
  expect(opened.memory.used).toBe(0);
});

describe('a message that is refused is a problem', () => {
  const from = (address: string): object => ({ from: { address } });
  test.each<[string, object, Asking, number]>([
    ['without a token', {}, { headers: { authorization: '' } }, 401],
    ['with another scheme', {}, { headers: { authorization: 'Basic x' } }, 401],
    ['with a token that is none', {}, { headers: { authorization: 'Bearer x' } }, 401],
    ['with a wrong secret', {}, { secret: 'wrong' }, 401],
    ['of nobody', {}, { user: 'default.nobody' }, 401],
    ['after too many wrong ones', {}, { secret: 'locked' }, 429],
    ['while too many are looked at', {}, { secret: 'busy' }, 503],
    ['of a suspended credential', {}, { user: 'default.stopped' }, 403],
    ['of a credential for SMTP', {}, { user: 'default.smtp' }, 403],
    ['from a foreign domain', from('a@bank.example'), {}, 403],
    ['from a domain of another tenant', {}, { user: 'shop.other' }, 403],
    ['from a suspended domain', from('a@stopped.example'), {}, 403],
    ['from a domain that is not verified', from('a@unproven.example'), {}, 403],
    ['from a domain without a key yet', from('a@keyless.example'), {}, 503],
    ['with a value that may not be', { subject: 'a\r\nBcc: x' }, {}, 422],
    ['that is not JSON', {}, { body: '{' }, 400],
    ['with a field twice', {}, { body: '{"text":"a","text":"b"}' }, 400],
    ['of another type', {}, { type: 'text/plain' }, 415],
    ['that is encoded', {}, { headers: { 'content-encoding': 'gzip' } }, 415],
    ['with more recipients than the cluster allows', boxes(4), {}, 422],
    ['with more bytes than the cluster allows', { text: 'x'.repeat(100_000) }, {}, 413],
    ['that grows beyond what the cluster allows', { text: 'é'.repeat(40_000) }, {}, 413],
    ['over the quota', { cc: [{ address: 'c@dest.test' }] }, { user: 'default.small' }, 422],
    ['with a header that misleads', from('a@example.com'), asItIs('From: a@example.com, b@example.com\r\n\r\n'), 422],
    ['with another author than sender', {}, asItIs('From: a@bank.example\r\n\r\n'), 403],
    ['with LF alone', {}, asItIs('From: a@example.com\n\n'), 422],
  ])('%s', async (_, over, asking, want) => {
    const opened = await open();
    const path = asking.type === 'message/rfc822' ? '/v1/messages?to=b@dest.test&from=a@example.com' : '/v1/messages';
    const { status, type, said, headers } = await ask(opened, path, { body: { ...MESSAGE, ...over }, ...asking });
    expect([status, type]).toEqual([want, PROBLEM]);
    expect(said).toMatchObject({ status: want, title: expect.any(String), detail: expect.any(String) });
    expect(headers.has('retry-after')).toBe(want === 429 || want === 503);
    expect([opened.told, opened.storage.queue.depth()]).toEqual([[], []]);
  });

  test('with the pointer of what is wrong', async () => {
    const { said } = await submit(await open(), { to: [{ address: 'b@dest.test' }, { address: 'b' }] });
    expect(said['errors']).toEqual([{ pointer: '/to/1/address', detail: "The address has no '@'." }]);
  });

  test('while the queue cannot be written', async () => {
    const opened = await open();
    opened.storage.broken = true;
    expect(await submit(opened)).toMatchObject({ status: 503, type: PROBLEM });
    opened.storage.broken = false;
    expect(await submit(opened)).toMatchObject({ status: 202 });
  });
});

test('no route reads a body that is too large, nor any of a stranger', async () => {
  const opened = await open();
  const body = 'x'.repeat(26 * 1024 * 1024);
  for (const { path, method } of opened.routes.filter((it) => it.method === 'POST')) {
    expect([path, (await ask(opened, path, { method, body })).status]).toEqual([path, 413]);
    expect([path, (await ask(opened, path, { method, body, secret: 'wrong' })).status]).toEqual([path, 401]);
  }
});

describe('a batch', () => {
  const batch = (opened: OpenedApi, body: unknown) => ask(opened, '/v1/messages/batch', { body });

  test('answers for each message, in order', async () => {
    const opened = await open();
    const { status, said } = await batch(opened, [
      MESSAGE,
      { ...MESSAGE, from: { address: 'a@bank.example' } },
      1,
      MESSAGE,
    ]);
    expect(status).toBe(200);
    expect(said['results']).toEqual([
      expect.objectContaining({ status: 202, id: opened.told[0]?.id }),
      expect.objectContaining({ status: 403, title: 'Forbidden' }),
      expect.objectContaining({ status: 422, errors: [expect.objectContaining({ pointer: '' })] }),
      expect.objectContaining({ status: 202, id: opened.told[1]?.id }),
    ]);
  });

  test.each([
    ['no list', MESSAGE],
    ['nothing', []],
    ['too many', Array.from({ length: 101 }, () => MESSAGE)],
  ])('of %s is refused whole', async (_, body) => {
    const opened = await open();
    expect(await batch(opened, body)).toMatchObject({ status: 422 });
    expect(opened.told).toEqual([]);
  });
});

describe('a request with an Idempotency-Key', () => {
  const keyed = (opened: OpenedApi, over: object = {}, key = 'key', user = 'default.app') =>
    submit(opened, over, { user, headers: { 'idempotency-key': key } });

  test('B07 is accepted once, however often it comes, and answered alike', async () => {
    const opened = await open();
    const answers = await Promise.all(Array.from({ length: 50 }, () => keyed(opened)));
    expect(new Set(answers.map((it) => JSON.stringify([it.status, it.said])))).toHaveLength(1);
    expect(answers.filter((it) => it.headers.has('idempotency-replayed'))).toHaveLength(49);
    expect(opened.told).toHaveLength(1);
  });

  test('B07 conflicts with another one of the same key', async () => {
    const opened = await open();
    await keyed(opened);
    expect(await keyed(opened, { text: 'other' })).toMatchObject({ status: 409, type: PROBLEM });
    expect(await keyed(opened, { text: 'other' }, 'other')).toMatchObject({ status: 202 });
    expect(opened.told).toHaveLength(2);
  });

  test('B07 has nothing to do with the keys of another tenant', async () => {
    const opened = await open();
    await keyed(opened);
    const foreign = await keyed(opened, { from: { address: 'a@shop.example' } }, 'key', 'shop.other');
    expect(foreign.status).toBe(202);
    expect(opened.told.map((it) => it.tenant)).toEqual(['default', 'shop']);
  });

  test('costs quota once', async () => {
    const opened = await open();
    expect(await keyed(opened, {}, 'key', 'default.two')).toMatchObject({ status: 202 });
    expect(await keyed(opened, {}, 'key', 'default.two')).toMatchObject({ status: 202 });
    expect(await keyed(opened, {}, 'other', 'default.two')).toMatchObject({ status: 202 });
    expect(await keyed(opened, {}, 'third', 'default.two')).toMatchObject({ status: 429 });
  });

  test('that is a batch is accepted once, message by message', async () => {
    const opened = await open();
    const asking = { body: [MESSAGE, MESSAGE], headers: { 'idempotency-key': 'key' } };
    const first = await ask(opened, '/v1/messages/batch', asking);
    expect((await ask(opened, '/v1/messages/batch', asking)).said).toEqual(first.said);
    expect(opened.told).toHaveLength(2);
  });

  test.each(['a b', 'k\u00e9y', 'x'.repeat(256)])('that is no key is refused: %s', async (key) => {
    expect(await keyed(await open(), {}, key)).toMatchObject({ status: 400 });
  });
});

describe('a message for later', () => {
  const sendAt = '2026-01-01T12:00:00+02:00';

  test('is due then, shows when it will be sent, and is cancelled like any other', async () => {
    const opened = await open();
    const { status, said } = await submit(opened, { sendAt, expireAfter: 600 });
    const id = String(said['id']);
    const notBefore = Date.UTC(2026, 0, 1, 10);
    expect([status, await opened.storage.queue.list({}, 10)]).toMatchObject([202, [{ due: notBefore }]]);
    expect(opened.told[0]).toMatchObject({ notBefore, expiresAt: notBefore + 600_000 });
    expect(await ask(opened, `/v1/messages/${id}`, { method: 'GET' })).toMatchObject({
      said: { sendAt: '2026-01-01T10:00:00.000Z', recipients: [{ state: 'queued' }], events: [{ notBefore }] },
    });
    expect(await ask(opened, `/v1/messages/${id}`, { method: 'DELETE' })).toMatchObject({ status: 200 });
    expect(opened.storage.queue.depth()).toEqual([]);
  });

  test.each<[string, object, string, string]>([
    ['no moment', { sendAt: 'tomorrow' }, '/sendAt', 'time zone'],
    ['a moment without its zone', { sendAt: '2026-01-01T12:00:00' }, '/sendAt', 'time zone'],
    ['later than can be', { sendAt: '2026-01-04T00:00:01Z' }, '', 'at most 72 hours'],
    ['a life of text', { expireAfter: '60' }, '/expireAfter', 'must be a number'],
    ['a life too short', { expireAfter: 59 }, '/expireAfter', 'at least 60'],
    ['a longer life than the cluster gives', { expireAfter: 259_201 }, '', 'at most 259200'],
  ])('is refused when that is %s', async (_, over, pointer, says) => {
    const { status, said } = await submit(await open(), over);
    expect([status, said['errors']]).toEqual([422, [{ pointer, detail: expect.stringContaining(says) }]]);
  });

  test('says so in its header when it comes as it is, where nothing of it stays', async () => {
    const opened = await open();
    const body = `From: a@example.com\r\nX-Postfleet-Send-At: ${sendAt}\r\nX-Postfleet-Tags: t\r\n\r\nbody\r\n`;
    const asking = { type: 'message/rfc822', body };
    expect(await ask(opened, '/v1/messages?to=b@dest.test', asking)).toMatchObject({ status: 202 });
    expect(opened.told[0]).toMatchObject({ notBefore: Date.UTC(2026, 0, 1, 10), labels: { tags: ['t'] } });
    expect(opened.told[0]?.raw.toString()).not.toContain('X-Postfleet');
    const unknown = { type: 'message/rfc822', body: body.replace('Tags', 'Wish') };
    expect(await ask(opened, '/v1/messages?to=b@dest.test', unknown)).toMatchObject({ status: 422 });
  });
});

describe('what became of a message', () => {
  const show = (opened: OpenedApi, id: string, user = 'default.app') =>
    ask(opened, `/v1/messages/${id}`, { method: 'GET', user });

  test('is told with the state of each recipient and every event', async () => {
    const opened = await open();
    const { said } = await submit(opened, { cc: [{ address: 'c@dest.test' }] });
    const id = String(said['id']);
    const shown = await show(opened, id);
    expect(shown).toMatchObject({
      status: 200,
      said: {
        id,
        recipients: [
          { id: `${id}-0`, address: 'b@dest.test', state: 'queued' },
          { id: `${id}-1`, address: 'c@dest.test', state: 'queued' },
        ],
        events: [
          { type: 'queued', index: 0 },
          { type: 'queued', index: 1 },
        ],
      },
    });
  });

  test('is told to its own tenant only: to others it does not exist', async () => {
    const opened = await open();
    const id = String((await submit(opened)).said['id']);
    const foreign = await show(opened, id, 'shop.other');
    const unknown = await show(opened, 'nothing');
    expect([foreign.status, unknown.status]).toEqual([404, 404]);
    expect(foreign.said).toEqual(unknown.said);
  });

  test('is told to credentials with scope Events only', async () => {
    expect(await show(await open(), 'x', 'default.submit')).toMatchObject({ status: 403 });
  });
});

test('the OpenAPI document has every route, and needs no token', async () => {
  const { server, routes } = await open();
  const document = (await (await fetch(`${server.url}/v1/openapi.json`)).json()) as {
    openapi: string;
    paths: Readonly<Record<string, object>>;
  };
  expect(document.openapi).toBe('3.1.0');
  const told = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/, ':$1')}`),
  );
  const served = routes.map(({ method, path }) => `${method} ${path}`).filter((it) => !it.includes('openapi'));
  expect(told.toSorted()).toEqual(served.toSorted());
});

function boxes(count: number): object {
  return { to: Array.from({ length: count }, (_, at) => ({ address: `b${at}@dest.test` })) };
}

function asItIs(body: string): Asking {
  return { type: 'message/rfc822', body };
}
