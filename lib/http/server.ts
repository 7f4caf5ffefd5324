/**
 * An HTTP server of a few routes. The only file that imports fastify.
 *
 * A route is a value: method, path with `:parameters`, and a function from what was asked to an answer. Errors are
 * problems as in RFC 9457. Bodies, headers and URLs are bounded before a handler sees them.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { codeOf, Fault } from '../run/fault.ts';

export interface Asked {
  readonly parameters: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface Route {
  readonly method: 'GET';
  /** Such as `/v1/messages/:id`. */
  readonly path: string;
  handle(asked: Asked): Promise<Answer>;
}

export interface HttpOptions {
  /** What it is, for errors: `metrics`. */
  readonly name: string;
  /** Where its address is set, for errors: `--metrics`. */
  readonly setting: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Asked of every request as `Authorization: Bearer …`. Absent: nobody is asked. */
  readonly token?: string;
  readonly routes: readonly Route[];
}

export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

const BODY_LIMIT = 1024 * 1024;

export const json = (value: unknown, status = 200): Answer => ({
  status,
  contentType: 'application/json',
  body: `${JSON.stringify(value, null, 2)}\n`,
});

/** A problem as in RFC 9457: what is wrong, and what to do about it. */
export const problem = (status: number, title: string, detail: string): Answer => ({
  ...json({ type: 'about:blank', title, status, detail }, status),
  contentType: 'application/problem+json',
});

/** Rejects with `address-in-use` or `listen-failed`, naming port and setting. */
export async function openHttp(options: HttpOptions): Promise<HttpServer> {
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: true,
    frameworkErrors: (error, _, answer) => void send(answer, problemOf(error)),
  });
  if (options.token !== undefined) guard(app, options.token);
  for (const route of options.routes) addRoute(app, route);
  app.setNotFoundHandler((_, answer) => send(answer, problem(404, 'Not Found', 'there is nothing at this path')));
  app.setErrorHandler<FastifyError>((error, _, answer) => send(answer, problemOf(error)));
  try {
    return { url: await app.listen({ host: options.host, port: options.port }), close: () => app.close() };
  } catch (cause) {
    throw listenFault(options, cause);
  }
}

function addRoute(app: FastifyInstance, route: Route): void {
  app.route({
    method: route.method,
    url: route.path,
    handler: async (request, answer) =>
      send(answer, await route.handle({ parameters: request.params as Record<string, string> })),
  });
}

/** What fastify cannot read is the asker's mistake; everything else is ours, and its words stay here. */
function problemOf({ code = '', statusCode = 500 }: Partial<FastifyError>): Answer {
  const isTheirs = code.startsWith('FST_') && statusCode < 500;
  return isTheirs
    ? problem(statusCode, STATUS_CODES[statusCode] ?? 'Bad Request', 'the request cannot be read')
    : problem(500, 'Internal Error', 'see the log');
}

const send = (answer: FastifyReply, { status, contentType, body }: Answer): FastifyReply =>
  answer.status(status).type(contentType).send(body);

/** Hashes are compared, so that neither length nor content of the token shows in the time taken. */
function guard(app: FastifyInstance, token: string): void {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const expected = digest(`Bearer ${token}`);
  app.addHook('onRequest', async (request: FastifyRequest, answer) => {
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
