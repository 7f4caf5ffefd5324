import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Fault } from '../run/fault.ts';
import { type HttpOptions, type HttpServer, json, openHttp, problem, type Route } from './server.ts';

const opened: HttpServer[] = [];
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
});

const ROUTES: readonly Route[] = [
  { method: 'GET', path: '/v1/things/:id', handle: async ({ parameters }) => json({ id: parameters['id'] }) },
  { method: 'GET', path: '/plain', handle: async () => ({ status: 203, contentType: 'text/plain', body: 'hello' }) },
  { method: 'GET', path: '/wrong', handle: async () => problem(409, 'Conflict', 'try the other one') },
  { method: 'GET', path: '/throws', handle: async () => Promise.reject(new Fault('x', 'password is hunter2')) },
];

async function open(over: Partial<HttpOptions> = {}): Promise<HttpServer> {
  const server = await openHttp({
    name: 'admin',
    setting: '--admin',
    host: '127.0.0.1',
    port: 0,
    routes: ROUTES,
    ...over,
  });
  opened.push(server);
  return server;
}

const PROBLEM = 'application/problem+json; charset=utf-8';

interface Said {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
}

async function get(server: HttpServer, path: string, init: RequestInit = {}): Promise<Said> {
  const answer = await fetch(server.url + path, init);
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
}

describe('a route', () => {
  test('gets the parameters of its path, decoded', async () => {
    const { status, type, text } = await get(await open(), '/v1/things/a%20b%2Fc');
    expect([status, type]).toEqual([200, 'application/json; charset=utf-8']);
    expect(JSON.parse(text)).toEqual({ id: 'a b/c' });
  });

  test('answers as it likes', async () => {
    expect(await get(await open(), '/plain')).toEqual({ status: 203, type: 'text/plain', text: 'hello' });
    const { status, type, text } = await get(await open(), '/wrong');
    expect([status, type]).toEqual([409, PROBLEM]);
    expect(JSON.parse(text)).toEqual({
      type: 'about:blank',
      title: 'Conflict',
      status: 409,
      detail: 'try the other one',
    });
  });

  test('that throws gives a 500 without its words', async () => {
    const { status, type, text } = await get(await open(), '/throws');
    expect([status, type]).toEqual([500, PROBLEM]);
    expect(text).not.toContain('hunter2');
  });

  test.each([
    ['a path nobody has', '/nothing', {}, 404],
    ['a method nobody has', '/plain', { method: 'DELETE' }, 404],
    ['a path that cannot be decoded', '/v1/things/%E0%A4%A', {}, 400],
    ['a body that is too large', '/plain', { method: 'POST', body: 'x'.repeat(2_000_000) }, 413],
  ])('that cannot be served is a problem of the asker: %s', async (_, path, init, want) => {
    const { status, type, text } = await get(await open(), path, init);
    expect([status, type]).toEqual([want, PROBLEM]);
    expect(JSON.parse(text)).toMatchObject({ status: want });
  });
});

describe('a token', () => {
  const token = 'right-token';
  const ask = async (authorization?: string, path = '/plain'): Promise<number> =>
    (await get(await open({ token }), path, authorization === undefined ? {} : { headers: { authorization } })).status;

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer wrong',
    'right-token',
    'Basic right-token',
    'Bearer right-token2',
    'bearer',
  ])('is needed: %s is refused', async (authorization) => {
    expect(await ask(authorization)).toBe(401);
  });

  test('opens every route', async () => {
    expect(await ask(`Bearer ${token}`)).toBe(203);
  });

  test('is asked before a path is looked at, so that strangers learn nothing', async () => {
    expect(await ask('Bearer wrong', '/nothing')).toBe(401);
    expect(await ask('Bearer wrong', '/throws')).toBe(401);
  });

  test('is said to be missing in a problem that never repeats it', async () => {
    const { type, text } = await get(await open({ token }), '/plain');
    expect(type).toBe(PROBLEM);
    expect(text).toContain('Authorization: Bearer');
    expect(text).not.toContain(token);
  });
});

describe('a server that cannot listen', () => {
  test('because the port is taken names the port and the setting', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    await expect(open({ port })).rejects.toMatchObject({
      code: 'address-in-use',
      message: `admin (127.0.0.1:${port}): the port is taken; stop the other program or choose another with --admin`,
    });
    await new Promise((resolve) => other.close(resolve));
  });

  test('because the address is not here names the setting', async () => {
    await expect(open({ host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'listen-failed',
      message: expect.stringContaining('--admin'),
    });
  });
});

test('a closed server answers nobody, even on a connection that was kept', async () => {
  const server = await open();
  await get(server, '/plain');
  await server.close();
  await expect(get(server, '/plain')).rejects.toThrow('fetch failed');
});
