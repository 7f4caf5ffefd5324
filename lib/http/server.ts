/**
 * An HTTP server of a few routes. The only file that imports fastify.
 *
 * A route is a value: method, path with `:parameters`, and a function from what was asked to an answer. Bodies are given
 * as the bytes they are; what they mean is the route's business. Errors are problems as in RFC 9457. Bodies, headers
 * and URLs are bounded before a handler sees them, and a route's guard answers before the body is read.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type RequestListener, type ServerOptions, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Clock, Duration } from '../run/clock.ts';
import { codeOf, Fault } from '../run/fault.ts';
import { type Pace, readBody, type Room } from './body.ts';
import { addressOf, guardDoor, type HttpDoors } from './door.ts';

/** What is known of a request before its body is read. */
export interface Head {
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** A header's value by its lower-case name; '' when absent. */
  header(name: string): string;
  readonly peer: { readonly address: string; readonly tls?: string };
}

export interface Asked extends Head {
  /** Empty when there is none. */
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent in place of the body, each when the asker has taken those before; an error cuts the answer short. */
  readonly pieces?: AsyncIterable<string>;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Such as `/v1/messages/:id`. */
  readonly path: string;
  /** Most bytes of a body, asked at each request; 1 MiB when absent. */
  readonly bodyLimit?: () => number;
  /** Where the body is held until the request is answered; without one it is not counted. */
  readonly room?: (head: Head) => Room;
  /** Asked before the body is read; its answer refuses the request. `handle` is given the same object. */
  guard?(head: Head): Promise<Answer | undefined>;
  handle(asked: Asked): Promise<Answer>;
}

/** PEM. */
interface Certificate {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

export interface HttpOptions {
  /** What it is, for errors: `metrics`. */
  readonly name: string;
  /** Where its address is set, for errors: `--metrics`. */
  readonly setting: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Asked of every request as `Authorization: Bearer …`, as it is then. Absent: nobody is asked. */
  readonly token?: () => Promise<string>;
  /** With it the server speaks TLS only. Asked at each connection: the same object is the same certificate. */
  readonly tls?: () => Certificate;
  readonly routes: readonly Route[];
  /** Absent: everybody may come in. */
  readonly doors?: HttpDoors;
  /** How slowly a body may come in; absent: as slowly as a request may. */
  readonly pace?: Pace;
  /** Told of what a route threw. Must not throw. */
  readonly troubled?: (thrown: unknown) => void;
}

export interface HttpServer {
  readonly url: string;
  /** Takes nothing new. What is under way may end within `grace`; without one its connections are cut. */
  close(grace?: { readonly clock: Clock; readonly time: Duration }): Promise<void>;
}

const BODY_LIMIT = 1024 * 1024;
/** Characters of a parameter in a path: a mail address of any length, with each octet escaped. */
const LONGEST_PARAMETER = 1024;
const NO_BODY = Buffer.alloc(0);
/** Bytes of a refused body that are read to get the answer through. */
const MOST_DISCARDED = 64 * BODY_LIMIT;
/** A request that has not come whole by then is dropped; Node looks every half minute. */
const REQUEST_TIME: Duration = 120_000;
const HEADER_TIME: Duration = 30_000;

export const json = (value: unknown, status = 200): Answer => ({
  status,
  contentType: 'application/json',
  body: `${JSON.stringify(value, null, 2)}\n`,
});

/** A problem as in RFC 9457: what is wrong, and what to do about it. `more` are members of its own. */
export const problem = (status: number, title: string, detail: string, more: object = {}): Answer => ({
  ...json({ type: 'about:blank', title, status, detail, ...more }, status),
  contentType: 'application/problem+json',
});

/** Rejects with `address-in-use` or `listen-failed`, naming port and setting. */
export async function openHttp(options: HttpOptions): Promise<HttpServer> {
  const app = appOf(options);
  if (options.token !== undefined) guard(app, options.token);
  for (const route of options.routes) addRoute(app, route);
  app.setNotFoundHandler((_, answer) => send(answer, problem(404, 'Not Found', 'there is nothing at this path')));
  app.setErrorHandler<FastifyError>((error, _, answer) => {
    if (!isTheirs(error)) options.troubled?.(error);
    return send(answer, problemOf(error));
  });
  try {
    const url = await app.listen({ host: options.host, port: options.port });
    return { url: options.tls ? url.replace('http:', 'https:') : url, close: (grace) => close(app, grace) };
  } catch (cause) {
    throw listenFault(options, cause);
  }
}

function appOf({ tls, doors, pace }: HttpOptions): FastifyInstance {
  const app = fastify({
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: LONGEST_PARAMETER },
    frameworkErrors: (error, _, answer) => void send(answer, problemOf(error)),
    serverFactory: (handler) => {
      const limits = { requestTimeout: REQUEST_TIME, headersTimeout: HEADER_TIME };
      return tls ? secureServer(tls, limits, handler) : createServer(limits, handler);
    },
  });
  if (doors) app.server.on('connection', (socket: Socket) => guardDoor(socket, doors, tls === undefined));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request: FastifyRequest, stream: Readable) => receive(request, stream, pace));
  return app;
}

function secureServer(newest: () => Certificate, limits: ServerOptions, handler: RequestListener): Server {
  let { cert, key } = newest();
  const minVersion = 'TLSv1.2' as const;
  const server = createTlsServer({ ...limits, cert, key, minVersion }, handler);
  // Before the server's own: it begins the handshake.
  server.prependListener('connection', () => {
    const now = newest();
    if (now.cert !== cert || now.key !== key) server.setSecureContext({ ...({ cert, key } = now), minVersion });
  });
  return server;
}

/** What the bodies of requests hold that are being answered. */
const rooms = new WeakMap<FastifyRequest, Room>();

const BUSY: Answer = {
  ...problem(503, 'Service Unavailable', 'too much is coming in now: try again later'),
  headers: { 'retry-after': '30' },
};

/** What a slow peer would still send is not waited for. */
const SLOW: Answer = {
  ...problem(408, 'Request Timeout', 'the body comes in too slowly'),
  headers: { connection: 'close' },
};

/** The body, or the answer to one that is refused. Nothing is thrown: the framework would close the connection. */
async function receive(request: FastifyRequest, stream: Readable, pace: Pace | undefined): Promise<Buffer | Answer> {
  const { bodyLimit = () => BODY_LIMIT, room } = request.routeOptions.config as Pick<Route, 'bodyLimit' | 'room'>;
  const limit = bodyLimit();
  const held = room?.(headOf(request));
  if (held) rooms.set(request, held);
  const announced = Number(request.headers['content-length'] ?? 0);
  const reading = await readBody(stream, { announced, limit, room: held, pace });
  if (reading.kind === 'body') return reading.bytes;
  if (reading.kind === 'slow') return SLOW;
  discard(stream);
  if (reading.kind === 'cut') return problem(400, 'Bad Request', 'the body ended too early');
  if (reading.kind === 'no-room') return BUSY;
  return problem(413, 'Content Too Large', `the body may have ${limit} bytes`);
}

/**
 * What still comes of a refused body is read and thrown away, up to a bound: closing with bytes unread resets the
 * connection, and an asker who is still writing may never see why (RFC 9112 §9.6).
 */
function discard(body: Readable): void {
  let left = MOST_DISCARDED;
  body.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) body.destroy();
  });
  body.resume();
}

/** Servers that are closing: what they still answer is the last on its connection, which would idle on otherwise. */
const closing = new WeakSet<FastifyInstance>();

async function close(app: FastifyInstance, grace?: Parameters<HttpServer['close']>[0]): Promise<void> {
  closing.add(app);
  const cut = (): void => app.server.closeAllConnections();
  const timer = grace?.clock.after(grace.time, cut);
  if (!timer) cut();
  await app.close();
  timer?.cancel();
}

function addRoute(app: FastifyInstance, route: Route): void {
  app.route({
    method: route.method,
    url: route.path,
    config: { ...(route.bodyLimit && { bodyLimit: route.bodyLimit }), ...(route.room && { room: route.room }) },
    onRequest: async (request, answer) => {
      const refusal = await route.guard?.(headOf(request));
      return refusal && send(answer, refusal);
    },
    handler: async (request, answer) => {
      try {
        const body = (request.body as Buffer | Answer | undefined) ?? NO_BODY;
        if (!Buffer.isBuffer(body)) return send(answer, body);
        return send(answer, await route.handle(Object.assign(headOf(request), { body })));
      } finally {
        rooms.get(request)?.release();
      }
    },
  });
}

const heads = new WeakMap<FastifyRequest, Head>();

/** The same object whenever it is asked for: what a guard notes of it, a handler finds. */
function headOf(request: FastifyRequest): Head {
  const head = heads.get(request) ?? readHead(request);
  heads.set(request, head);
  return head;
}

function readHead({ params, url, headers, raw: { socket } }: FastifyRequest): Head {
  const at = url.indexOf('?');
  const tls = socket instanceof TLSSocket ? { tls: `${socket.getProtocol()} ${socket.getCipher().name}` } : {};
  return {
    parameters: params as Record<string, string>,
    query: new URLSearchParams(at === -1 ? '' : url.slice(at)),
    header: (name) => textOf(headers[name]),
    peer: { address: addressOf(socket), ...tls },
  };
}

/** Fields of one name are a list (RFC 9110 §5.3). */
const textOf = (field: string | string[] | undefined = ''): string =>
  typeof field === 'string' ? field : field.join(', ');

/** What fastify cannot read is the asker's mistake; everything else is ours, and its words stay here. */
const isTheirs = ({ code = '', statusCode = 500 }: Partial<FastifyError>): boolean =>
  code.startsWith('FST_') && statusCode < 500;

function problemOf(error: Partial<FastifyError>): Answer {
  const { statusCode = 500 } = error;
  return isTheirs(error)
    ? problem(statusCode, STATUS_CODES[statusCode] ?? 'Bad Request', 'the request cannot be read')
    : problem(500, 'Internal Error', 'see the log');
}

const send = (answer: FastifyReply, { status, contentType, body, headers = {}, pieces }: Answer): FastifyReply =>
  answer
    .status(status)
    .headers(closing.has(answer.server) ? { ...headers, connection: 'close' } : headers)
    .type(contentType)
    .send(pieces ? Readable.from(pieces, { highWaterMark: 1 }) : body);

/** Hashes are compared, so that neither length nor content of the token shows in the time taken. */
function guard(app: FastifyInstance, token: () => Promise<string>): void {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  app.addHook('onRequest', async (request: FastifyRequest, answer) => {
    const expected = digest(`Bearer ${await token()}`);
    if (timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) return undefined;
    return send(answer, problem(401, 'Unauthorized', 'send the token as Authorization: Bearer …'));
  });
}

function listenFault({ name, setting, host, port }: HttpOptions, cause: unknown): Fault {
  const where = `${name} (${host}:${port})`;
  if (codeOf(cause) === 'EADDRINUSE') {
    return new Fault(
      'address-in-use',
      `${where}: the port is taken; stop the other program or choose another with ${setting}`,
      {
        cause,
      },
    );
  }
  return new Fault('listen-failed', `${where}: cannot listen there; choose another with ${setting}`, { cause });
}
