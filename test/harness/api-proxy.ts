/**
 * Stands between a client and the API server, with the server's own certificate: notes what is asked, answers in its place
 * when the test says so, tells again what was listed before, loses what a watch tells, and cuts what is open.
 */
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { type Server, createServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import type { ControlPlane } from './control-plane.ts';

export interface Passed {
  readonly method: string;
  readonly url: URL;
}

/** An answer in place of the server's; `cut` ends the connection without any. */
export type Instead = { readonly status: number; readonly headers?: Record<string, string> } | 'cut' | undefined;

export const isWatch = ({ url }: Passed): boolean => url.searchParams.get('watch') === '1';

export class ApiProxy {
  readonly #plane: ControlPlane;
  readonly #server: Server;
  readonly #watches = new Set<ServerResponse>();
  /** Everything that was asked, in order. */
  readonly asked: Passed[] = [];
  /** Asked for each request; undefined passes it on. */
  instead: (asked: Passed) => Instead = () => undefined;
  /** Asked for each line of a watch; a line that is lost is never told. */
  isLost: (asked: Passed) => boolean = () => false;
  /** Lists as they were when `remember` was called are told in place of newer ones. */
  isStale = false;
  readonly #lists = new Map<string, { head: IncomingHttpHeaders; body: Buffer }>();
  readonly #old = new Map<string, { head: IncomingHttpHeaders; body: Buffer }>();

  private constructor(plane: ControlPlane) {
    this.#plane = plane;
    this.#server = createServer(plane.identity, (request, response) => this.#pass(request, response));
  }

  static async start(plane: ControlPlane): Promise<ApiProxy> {
    const proxy = new ApiProxy(plane);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get server(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Keeps what was listed last of everything, to be told when `isStale`. */
  remember(): void {
    for (const [path, list] of this.#lists) this.#old.set(path, list);
  }

  /** In the middle of whatever they were saying. */
  cutWatches(): void {
    for (const watch of this.#watches) watch.destroy();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = request;
    const asked = { method, url: new URL(url, this.server) };
    this.asked.push(asked);
    const instead = this.instead(asked);
    const old = this.isStale && isList(asked) ? this.#old.get(listOf(asked)) : undefined;
    if (old) return void response.writeHead(200, old.head).end(old.body);
    if (instead === 'cut') response.destroy();
    else if (instead) response.writeHead(instead.status, instead.headers).end('{}');
    else this.#forward(request, response, { method, headers }, asked);
  }

  #forward(
    request: IncomingMessage,
    response: ServerResponse,
    head: { readonly method: string; readonly headers: IncomingMessage['headers'] },
    asked: Passed,
  ): void {
    const target = new URL(`${asked.url.pathname}${asked.url.search}`, this.#plane.server);
    const onward = httpsRequest(target, { ...head, ca: this.#plane.identity.cert, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      // A watch begins before there is anything to tell.
      response.flushHeaders();
      if (isWatch(asked)) this.#tell(answer, response, asked);
      else answer.pipe(response);
      if (isList(asked) && answer.statusCode === 200) this.#note(asked, answer);
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => response.destroy());
    if (isWatch(asked)) this.#watches.add(response);
    response.on('close', () => {
      this.#watches.delete(response);
      onward.destroy();
    });
    request.pipe(onward);
  }

  /** Line by line, but for those that are lost. */
  #tell(answer: IncomingMessage, response: ServerResponse, asked: Passed): void {
    const lines = createInterface({ input: answer });
    lines.on('line', (line) => {
      const isMark = line.startsWith('{"type":"BOOKMARK"');
      if (isMark || !this.isLost(asked)) response.write(`${line}\n`);
    });
    // A cut of the answer is a cut of what is told.
    lines.on('error', () => response.destroy());
    lines.on('close', () => response.end());
  }

  #note(asked: Passed, answer: IncomingMessage): void {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('end', () => this.#lists.set(listOf(asked), { head: answer.headers, body: Buffer.concat(chunks) }));
  }
}

/** Of a whole type; of one object, or of a page that is not the first, it is none. */
export const isList = ({ method, url }: Passed): boolean =>
  method === 'GET' && url.searchParams.has('limit') && !url.searchParams.has('continue') && !isWatch({ method, url });

/** The same type is listed by several labels. */
export const listOf = ({ url }: Passed): string => `${url.pathname} ${url.searchParams.get('labelSelector')}`;
