import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect, createServer } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { selfMadeCertificate } from '../run/certificate.ts';
import { seconds } from '../run/clock.ts';
import { FakeClock } from '../run/fake-clock.ts';
import { until } from '../../test/harness/until.ts';
import { Fault } from '../run/fault.ts';
import {
  type Asked,
  type Head,
  type HttpOptions,
  type HttpServer,
  json,
  openHttp,
  problem,
  type Route,
} from './server.ts';

const opened: HttpServer[] = [];
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
});

const ROUTES: readonly Route[] = [
  { method: 'GET', path: '/v1/things/:id', handle: async ({ parameters }) => json({ id: parameters['id'] }) },
  { method: 'GET', path: '/plain', handle: async () => ({ status: 203, contentType: 'text/plain', body: 'hello' }) },
  { method: 'GET', path: '/wrong', handle: async () => problem(409, 'Conflict', 'try the other one') },
  { method: 'POST', path: '/takes', handle: async () => json({}) },
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

describe('a body that comes in slowly', () => {
  const START = 'POST /takes HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n';

  async function begin() {
    const clock = new FakeClock();
    const released: number[] = [];
    const room = { resize: () => true, release: () => void released.push(clock.monotonic()) };
    let came = 0;
    const handle = async (): Promise<ReturnType<typeof json>> => json({});
    const counting = { ...room, resize: (bytes: number) => (came = bytes) > 0 };
    const server = await open({
      routes: [{ method: 'POST', path: '/takes', room: () => counting, handle }],
      pace: { clock, limits: () => ({ silence: seconds(10), bytesPerSecond: 100 }) },
    });
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const said = textOf(socket);
    socket.write(START);
    await until('its deadline', () => clock.timers > 0);
    const write = async (bytes: number): Promise<void> => {
      const before = came;
      socket.write('x'.repeat(bytes));
      await until('it to come', () => came === before + 2 * bytes);
    };
    return { clock, said, socket, write, released };
  }

  test('ends with 408, and its room is free at once', async () => {
    const { clock, said, write, released } = await begin();
    for (let count = 0; count < 9; count += 1) {
      await write(10);
      clock.advance(seconds(1));
    }
    expect(released).toEqual([]);
    clock.advance(seconds(2));
    expect(await said).toMatch(/^HTTP\/1\.1 408 .*too slowly/s);
    expect(released.length).toBeGreaterThan(0);
  });

  test('is taken when it keeps the pace, however long it takes', async () => {
    const { clock, said, socket, write } = await begin();
    for (let count = 0; count < 10; count += 1) {
      clock.advance(seconds(1));
      await write(100);
    }
    clock.advance(seconds(100));
    socket.end();
    expect(await said).toMatch(/^HTTP\/1\.1 200 /);
  });
});

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
    ['a body that is too large', '/takes', { method: 'POST', body: 'x'.repeat(2_000_000) }, 413],
  ])('that cannot be served is a problem of the asker: %s', async (_, path, init, want) => {
    const { status, type, text } = await get(await open(), path, init);
    expect([status, type]).toEqual([want, PROBLEM]);
    expect(JSON.parse(text)).toMatchObject({ status: want });
  });
});

describe('what was asked', () => {
  const heard: Asked[] = [];
  const hears: Route = {
    method: 'POST',
    path: '/hears',
    bodyLimit: () => 10,
    handle: async (asked) => {
      heard.push(asked);
      return { ...json({}, 202), headers: { 'x-more': 'yes' } };
    },
  };
  const ask = async (init: RequestInit, path = '/hears', over: Partial<Route> = {}): Promise<Response> =>
    fetch((await open({ routes: [{ ...hears, ...over }] })).url + path, { method: 'POST', ...init });

  test.each([
    ['bytes', Buffer.from([0, 255, 13]), 'application/x-anything'],
    ['JSON, unread', Buffer.from('{"a"'), 'application/json'],
    ['nothing', Buffer.alloc(0), 'text/plain'],
  ])('reaches the route as the bytes it is: %s', async (_, body, type) => {
    const answer = await ask({ body, headers: { 'content-type': type } });
    expect([answer.status, answer.headers.get('x-more')]).toEqual([202, 'yes']);
    expect(heard.at(-1)?.body).toEqual(body);
  });

  test('has headers, a query and a peer', async () => {
    await ask({ headers: { 'X-One': 'a' } }, '/hears?to=b%2Bc&to=d?e');
    const asked = heard.at(-1);
    expect([asked?.header('x-one'), asked?.header('x-two')]).toEqual(['a', '']);
    expect(asked?.query.getAll('to')).toEqual(['b+c', 'd?e']);
    expect(asked?.peer).toEqual({ address: '127.0.0.1' });
  });

  test('is bounded by the route, also when it comes in chunks', async () => {
    const before = heard.length;
    const chunks = new ReadableStream({
      start(to) {
        for (let at = 0; at < 11; at += 1) to.enqueue(Buffer.from('x'));
        to.close();
      },
    });
    expect((await ask({ body: 'x'.repeat(11) })).status).toBe(413);
    expect((await ask({ body: chunks, duplex: 'half' })).status).toBe(413);
    expect(heard.length).toBe(before);
  });

  test('is looked at by the guard of the route before its body is', async () => {
    const guard = async (head: Head) => (head.header('x-one') === 'a' ? undefined : problem(403, 'Forbidden', 'no'));
    expect((await ask({ body: 'x'.repeat(11) }, '/hears', { guard })).status).toBe(403);
    expect((await ask({ body: 'x', headers: { 'x-one': 'a' } }, '/hears', { guard })).status).toBe(202);
  });

  test('is told to nobody when it fails, but to the owner of the server', async () => {
    const told: unknown[] = [];
    const server = await open({ troubled: (thrown) => told.push(thrown) });
    await get(server, '/throws');
    await get(server, '/plain', { method: 'POST', body: 'x'.repeat(2_000_000) });
    expect(told).toEqual([expect.objectContaining({ code: 'x' })]);
  });
});

test('with a certificate nothing is said in clear', async () => {
  const tls = await selfMadeCertificate(['127.0.0.1']);
  const { url } = await open({ tls: () => tls });
  const [answer] = (await once(request(`${url}/v1/things/x`, { ca: tls.cert }).end(), 'response')) as [IncomingMessage];
  expect([answer.statusCode, url.startsWith('https:')]).toEqual([200, true]);
  await expect(fetch(url.replace('https', 'http'))).rejects.toThrow('fetch failed');
});

test('another certificate is shown to who connects from then on', async () => {
  const [first, second] = await Promise.all([selfMadeCertificate(['127.0.0.1']), selfMadeCertificate(['127.0.0.1'])]);
  let tls = first;
  const { url } = await open({ tls: () => tls });
  const trusting = async (ca: string): Promise<number | undefined> => {
    const asked = request(`${url}/v1/things/x`, { ca, agent: false }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    answer.resume();
    return answer.statusCode;
  };
  expect(await trusting(first.cert)).toBe(200);
  tls = second;
  await expect(trusting(first.cert)).rejects.toThrow('self-signed');
  expect(await trusting(second.cert)).toBe(200);
});

describe('a token', () => {
  const token = 'right-token';
  const ask = async (authorization?: string, path = '/plain'): Promise<number> =>
    (
      await get(
        await open({ token: async () => token }),
        path,
        authorization === undefined ? {} : { headers: { authorization } },
      )
    ).status;

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
    const { type, text } = await get(await open({ token: async () => token }), '/plain');
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

test('who is refused in the middle of a body is told so, however long they go on writing first', async () => {
  const { url } = await open({
    routes: [{ method: 'POST', path: '/few', bodyLimit: () => 10, handle: async () => json({}) }],
  });
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1' });
  const head = (bytes: number): string => `POST /few HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`;
  const many = Buffer.alloc(16 * 1024 * 1024);
  const isWritten = new Promise<void>((resolve, reject) =>
    socket.on('error', reject).write(Buffer.concat([Buffer.from(head(many.length)), many]), () => resolve()),
  );
  await isWritten;
  socket.end(`${head(2)}{}`);
  const answers = await textOf(socket);
  expect(Array.from(answers.matchAll(/^HTTP\/1\.1 (\d+)/gm), (it) => it[1])).toEqual(['413', '200']);
});

test('a closed server answers nobody, even on a connection that was kept', async () => {
  const server = await open();
  await get(server, '/plain');
  await server.close();
  await expect(get(server, '/plain')).rejects.toThrow('fetch failed');
});

describe('a server that is closed with grace', () => {
  const slow = async (clock: FakeClock) => {
    const started = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const handle = async () => {
      started.resolve();
      await end.promise;
      return json({});
    };
    const server = await open({ routes: [{ method: 'GET', path: '/slow', handle }] });
    const answer = fetch(`${server.url}/slow`);
    await started.promise;
    return { answer, end, closing: server.close({ clock, time: seconds(5) }), url: server.url };
  };

  test('ends what is under way, and takes nothing new', async () => {
    const { answer, end, closing, url } = await slow(new FakeClock());
    await expect(fetch(`${url}/slow`)).rejects.toThrow('fetch failed');
    end.resolve();
    expect((await answer).status).toBe(200);
    await closing;
  });

  test('waits no longer than that', async () => {
    const clock = new FakeClock();
    const { answer, end, closing } = await slow(clock);
    clock.advance(seconds(5));
    await expect(answer).rejects.toThrow('fetch failed');
    end.resolve();
    await closing;
  });
});
