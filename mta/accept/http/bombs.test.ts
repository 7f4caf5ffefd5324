/**
 * B04: bodies made to cost, at every route the API has. What is too large reaches no handler; nothing is accepted.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openHttp, type Route } from '#lib/http/server.ts';
import { tokenOf } from '#lib/keyring/verifier.ts';
import { openTestApi } from '../../../test/harness/api.ts';
import { JSON_TYPE } from './intake.ts';

const open = openTestApi();

const HUGE = 100 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, '0,');

interface Bomb {
  readonly headers: readonly string[];
  /** What is sent until the server answers or ends. */
  readonly body: () => Iterable<string | Buffer>;
}

function* chunks(bytes: number): Generator<string | Buffer> {
  for (let sent = 0; sent < bytes; sent += CHUNK.length) {
    yield `${CHUNK.length.toString(16)}\r\n`;
    yield CHUNK;
    yield '\r\n';
  }
  yield '0\r\n\r\n';
}

const millionElements = `[${'0,'.repeat(999_999)}0]`;
const gzipBomb = gzipSync(Buffer.alloc(8 * 1024 * 1024));
const withLength = (body: string | Buffer, ...headers: readonly string[]): Bomb => ({
  headers: [`Content-Length: ${body.length}`, ...headers],
  body: () => [body],
});

const BOMBS: Readonly<Record<string, Bomb>> = {
  'a hundred megabytes, announced': { headers: [`Content-Length: ${HUGE}`], body: () => [] },
  'a hundred megabytes in chunks': { headers: ['Transfer-Encoding: chunked'], body: () => chunks(HUGE) },
  'a million elements': withLength(millionElements),
  'more elements than a request may have': withLength(`[${'0,'.repeat(20_000)}0]`),
  'a gzip bomb': withLength(gzipBomb, 'Content-Encoding: gzip'),
};

const isTooLarge = ({ headers }: Bomb): boolean =>
  headers.includes(`Content-Length: ${HUGE}`) || headers.includes('Transfer-Encoding: chunked');

/** Whether the handler was asked, counted around the real one. */
const counted = (route: Route, count: () => void): Route => ({
  ...route,
  handle: (asked) => {
    if (asked.body.length > 0) count();
    return route.handle(asked);
  },
});

/** The status of the first answer. */
async function throwBomb(port: number, { method, path }: Route, { headers, body }: Bomb): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const answered = once(socket, 'data') as Promise<[Buffer]>;
  const head = [`${method} ${path.replace(':id', 'x')} HTTP/1.1`, 'Host: x', `Content-Type: ${JSON_TYPE}`];
  const token = `Authorization: Bearer ${tokenOf('default.app', 'right')}`;
  socket.write(`${[...head, token, ...headers].join('\r\n')}\r\n\r\n`);
  for (const piece of body()) {
    if (socket.destroyed || socket.bytesRead > 0) break;
    // A server that has said its word closes: what is written then is no error here.
    if (!socket.write(piece))
      await Promise.race([once(socket, 'drain'), once(socket, 'close'), answered]).catch(() => undefined);
  }
  const [said] = await answered;
  socket.destroy();
  return Number(/^HTTP\/1\.1 (\d+)/.exec(said.toString('latin1'))?.[1]);
}

describe('B04 a body made to cost is refused at every route', () => {
  test.each(Object.entries(BOMBS))('%s', async (_, bomb) => {
    const opened = await open();
    const bodies: string[] = [];
    const routes = opened.routes.map((it) => counted(it, () => bodies.push(`${it.method} ${it.path}`)));
    const server = await openHttp({ name: 'api', setting: 'x', host: '127.0.0.1', port: 0, routes });
    onTestFinished(() => server.close());
    const port = Number(new URL(server.url).port);
    for (const route of routes.filter((it) => it.method === 'POST')) {
      // 503: a list may be longer than the memory of this server.
      expect([400, 413, 415, 503]).toContain(await throwBomb(port, route, bomb));
    }
    // Who asks without a body is answered before one that comes nevertheless is looked at.
    for (const route of routes.filter((it) => it.method !== 'POST')) {
      expect([200, 400, 404, 413, 415]).toContain(await throwBomb(port, route, bomb));
    }
    // What is not too large to be read is refused by whoever reads it.
    expect(isTooLarge(bomb) ? bodies : []).toEqual([]);
    expect(opened.told).toEqual([]);
  });
});
